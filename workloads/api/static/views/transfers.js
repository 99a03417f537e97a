// What to move from where to where.

import { h } from "../core/dom.js";
import * as format from "../core/format.js";
import { Listing } from "../ui/listing.js";
import { skuCell } from "./attention.js";

const stock = (id, name, on_hand) => [h("span", { class: "code" }, id), h("span", { class: "sub" }, `has ${format.count(on_hand)}`), h("span", { class: "unseen" }, ` ${name ?? ""}`)];

const COLUMNS = [
  { name: "sku", title: "SKU", head: true, show: (row) => skuCell(row, row.to_location_id), files: ["sku", "name", "category"], csv: (row) => [row.sku, row.name, row.category] },
  { name: "from_location_id", title: "From", show: (row) => stock(row.from_location_id, row.from_location_name, row.from_on_hand), files: ["from_location_id", "from_on_hand"], csv: (row) => [row.from_location_id, row.from_on_hand] },
  { name: "to_location_id", title: "To", show: (row) => stock(row.to_location_id, row.to_location_name, row.to_on_hand), files: ["to_location_id", "to_on_hand", "to_avg_daily_units"], csv: (row) => [row.to_location_id, row.to_on_hand, row.to_avg_daily_units] },
  { name: "quantity", title: "Units", right: true, show: (row) => h("strong", {}, format.count(row.quantity)) },
];

export const transfers = () => new Listing({
  title: "Suggested transfers", name: "transfer", note: "The most urgent first: empty shelves before low ones, then what sells most.",
  path: "/v1/inventory/transfers", file: "suggested-transfers", columns: COLUMNS,
  empty: ["Nothing to move", "No branch that sells runs out of what another place can spare."],
});
