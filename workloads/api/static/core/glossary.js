// What each figure means, in the words of the people who decide on it.

import { count } from "./format.js";

/** name -> [title, definition]; the thresholds are the stack's. */
export const glossary = (context) => ({
  shelf: ["Shelf", "One SKU at one location that ever had an event there."],
  on_hand: ["On hand", "The latest stock count plus everything that moved after it; without a count the sum of all movements. Every accepted event counts at once."],
  stockout: ["Stockout", "On hand is 0 or less. Below 0 more was sold than was ever received or counted."],
  low: ["Low", `In stock, but at or below the reorder point: the catalogue's, else ${count(context.reorder_point)}.`],
  overstock: ["Overstock", `More than ${count(context.max_days_of_cover)} days of cover, or nothing moved in the ${context.window_days} business dates before today.`],
  avg_daily_units: ["Units a day", `Units sold, plus transfers out, in the ${context.window_days} business dates before today, divided by ${context.window_days}.`],
  days_of_cover: ["Cover", "How many days the stock lasts: on hand divided by units a day."],
  excess_units: ["Excess", `Units beyond ${count(context.max_days_of_cover)} days of cover.`],
  size_run: ["Broken size run", "A style in one colour at a branch that is out of some sizes and has others: who wants the missing size leaves without. First what sold most of the missing sizes."],
  transfer: ["Suggested transfer", `Fills a branch that is out of stock or low, and did sell, up to what it moved in ${context.window_days} dates and above its reorder point: from the warehouse, else from an overstocked branch. Never makes the giver low.`],
  gmv: ["GMV", "Gross merchandise value: quantity × unit price − discount over all sold lines; returns are not taken off."],
  discounts: ["Discounts", "The discounts of all sold lines. The rate is discounts ÷ (GMV + discounts): the share of the price that was given away."],
  returns: ["Returns", "What returned lines were worth: quantity × unit price − discount."],
  net_sales: ["Net sales", "GMV − returns."],
  orders: ["Orders", "Distinct transactions with a sold line."],
  units: ["Units", "Units of all sold lines."],
  average_order: ["Average order", "GMV ÷ orders."],
  customer_type: ["Customer type", "Guest: no customer id. New: the customer's first transaction ever. Returning: any later one."],
  cogs: ["Cost of goods", "Quantity × the unit cost in force at the time of sale; returns reduce it. Not known for category unknown."],
  gross_profit: ["Gross profit", "Net sales − cost of goods."],
  gross_margin: ["Gross margin", "Gross profit ÷ net sales. Its change is in percentage points (pp)."],
  before: ["Period before", "The equally long range of dates just before the one shown. A date that is not over has nothing to stand beside: figures include it, and what they are compared with, and every change, is of complete dates alone."],
  revised: ["Changed by late data", "Trade or a cost arrived after the date was first published as over, and changed its figures."],
});
