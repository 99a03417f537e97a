// Sales: GMV over time by customer type or category, against the period before, and what discounts took.

import { get } from "../core/api.js";
import { h } from "../core/dom.js";
import * as format from "../core/format.js";
import { figure } from "../ui/chart.js";
import { choice, select } from "../ui/controls.js";
import { Panel } from "../ui/panel.js";
import { categoryField } from "../ui/range.js";
import { columns, line, marked, placed, remarks } from "../ui/series.js";
import { csvButton, table } from "../ui/table.js";
import { tile, tiles } from "../ui/tiles.js";
import { changeCell, moved, noReports, periodCell, periodFile, reportView } from "./reports.js";

const PATH = "/v1/reports/comparison/gmv";
const TYPES = ["returning", "new", "guest"];
const COLOURS = ["var(--series-1)", "var(--series-2)", "var(--series-3)"];
const SPLITS = [["customer_type", "Customer type"], ["category", "Category"]];
const FIGURES = ["gmv", "discounts", "returns", "net_sales", "orders", "units", "discount_rate", "average_order"];

/** Columns of a table of figures, for the screen and, with every figure of both periods, for the file. */
const partColumns = (title, name, comparison) => [
  { name, title, head: true, show: (row) => format.words(row.value), csv: (row) => [row.value] },
  { name: "gmv", title: "GMV", right: true, explain: "gmv", show: (row) => bar(row, comparison), files: FIGURES, csv: (row) => FIGURES.map((figure) => row.current[figure]) },
  { name: "before", title: "Before", right: true, spare: true, explain: "before", show: (row) => (comparison.before.complete && row.compared ? format.money(row.compared.before.gmv) : format.NONE), files: FIGURES.map((figure) => `${figure}_before`), csv: (row) => FIGURES.map((figure) => row.before[figure]) },
  { name: "change", title: "Change", right: true, show: (row) => changeCell(comparison, row, "gmv"), csv: null },
  ...(name === "category" ? [{ name: "orders", title: "Orders", right: true, spare: true, explain: "orders", show: (row) => format.count(row.current.orders), csv: null }] : []),
  ...(name === "category" ? [{ name: "discount_rate", title: "Discount", right: true, spare: true, explain: "discounts", show: (row) => format.percent(row.current.discount_rate), csv: null }] : []),
];

function bar(row, comparison) {
  const most = Math.max(...comparison.items.map((item) => Number(item.current.gmv)));
  return h("span", { class: "bar", vars: { "--share": most > 0 ? `${(100 * Number(row.current.gmv)) / most}%` : "0%" } }, format.money(row.current.gmv));
}

const timeColumns = (name) => [
  { name: "business_date", title: "From", head: true, show: periodCell },
  { name, title: format.words(name), show: (row) => format.words(row.value), csv: (row) => [row.value] },
  { name: "gmv", title: "GMV", right: true, show: (row) => format.money(row.current.gmv), files: FIGURES, csv: (row) => FIGURES.map((figure) => row.current[figure]) },
  { name: "before", title: "Before", right: true, show: (row) => (row.compared ? format.money(row.compared.before.gmv) : format.NONE), files: FIGURES.map((figure) => `${figure}_before`), csv: (row) => FIGURES.map((figure) => row.before[figure]) },
  { name: "discount_rate", title: "Discount", right: true, show: (row) => format.percent(row.current.discount_rate), ...periodFile },
];

export function sales(context, status) {
  const panels = {
    time: new Panel({ title: "GMV over time", name: "gmv" }),
    types: new Panel({ title: "By customer type", name: "customer_type" }),
    discounts: new Panel({ title: "Discount rate", name: "discounts" }),
    categories: new Panel({ title: "By category" }),
  };
  const fields = (known) => [
    select({ name: "type", label: "Customers", options: [["", "All customers"], ...TYPES.map((type) => [type, format.words(type)])] }),
    categoryField(known, format.words),
    select({ name: "channel", label: "Channel", options: [["", "All channels"], ["store", "Store"], ["online", "Online"]] }),
    select({ name: "location", label: "Location", options: [["", "All locations"], ...known.locations.map((l) => [l.location_id, l.name ? `${l.location_id} ${l.name}` : l.location_id])] }),
  ];
  return reportView({ context, status, panels, layout: [["time", "categories"], ["types", "discounts"]], fields, names: ["type", "category", "channel", "location"], load });

  function load({ figures, time, types, discounts, categories }, { question, grain, state, context: known, tell }) {
    const split = state.split === "category" ? "category" : "customer_type";
    const ask = (more) => get(PATH, { ...question, ...more });
    const totals = ask({ grain });
    figures.load(async () => {
      const comparison = await ask({});
      tell(comparison);
      return keyFigures(comparison);
    });
    time.load(async () => {
      const [parts, whole] = await Promise.all([ask({ grain, by: split }), totals]);
      time.tools.replaceChildren(choice({ name: "split", label: "Split by", options: SPLITS }));
      return parts.items.length && sold(whole) ? overTime(parts, whole, split, grain, known.first_date) : noReports(known);
    });
    byPart(types, "customer_type", "Customers", ask, "gmv-by-customer-type", known);
    byPart(categories, "category", "Category", ask, "gmv-by-category", known);
    discounts.load(async () => {
      const whole = await totals;
      return sold(whole) ? discountRate(whole, grain, known.first_date) : noReports(known);
    });
  }

  function byPart(panel, by, title, ask, name, known) {
    panel.load(async () => {
      const comparison = await ask({ by });
      const rows = [...comparison.items].sort((a, b) => Number(b.current.gmv) - Number(a.current.gmv));
      const shown = partColumns(title, by, comparison);
      panel.tools.replaceChildren(csvButton({ name, columns: shown, rows: async () => rows }));
      return rows.length ? table({ caption: `GMV by ${by.replace("_", " ")}`, columns: shown, rows }) : noReports(known);
    });
  }
}

const sold = (comparison) => comparison.items.some((item) => Number(item.current.gmv) || Number(item.before.gmv));

function keyFigures(comparison) {
  const [row] = comparison.items;
  const { current } = row;
  const part = (name, title, value, good, text, detail) => {
    const change = moved(comparison, row, name, text);
    return tile({ name, explain: name === "discount_rate" ? "discounts" : name, title, value, detail, good, change: change?.sign, text: change?.text });
  };
  return tiles("Sales in these dates", [
    part("gmv", "GMV", format.money(current.gmv), "up"),
    part("net_sales", "Net sales", format.money(current.net_sales), "up", undefined, `${format.money(current.returns)} returned`),
    part("orders", "Orders", format.count(current.orders), "up", undefined, `${format.count(current.units)} units`),
    part("average_order", "Average order", format.money(current.average_order), "up"),
    part("discount_rate", "Discounts", format.percent(current.discount_rate), "down", format.points, format.money(current.discounts)),
  ]);
}

/** The legend's word for a ring, where a period still runs. */
const ring = (comparison) => (comparison.running ? [["ring", "Today so far"]] : []);

const period = (row, grain) => (grain === "day" ? format.day(row.business_date) : `${grain === "week" ? "Week" : "Month"} from ${format.day(row.business_date)}`);

function overTime(parts, whole, split, grain, since) {
  const rows = placed(parts, since);
  const name = `gmv-over-time-by-${split.replace("_", "-")}`;
  const shown = timeColumns(split);
  const asTable = () => table({ caption: "GMV over time", columns: shown, rows: marked(parts) });
  const tools = csvButton({ name, columns: shown, rows: async () => marked(parts) });
  if (split === "category") return figure({ key: "time", label: "GMV of each category over time", keys: [["solid", "This period"], ["dashed", "Period before"], ...ring(parts)], asTable, tools, chart: () => multiples(rows, grain) });
  const order = TYPES.filter((type) => rows.some((row) => row.value === type));
  const colours = order.map((type) => COLOURS[TYPES.indexOf(type)]);
  const title = (row) => [period(row, grain), ...remarks(row), `GMV ${format.money(row.current.gmv)}`,
    ...order.map((type) => `  ${format.words(type)} ${format.money(rows.find((r) => r.value === type && r.business_date === row.business_date).current.gmv)}`), `Before ${format.money(row.before.gmv)}`].join("\n");
  return figure({
    key: "time", label: "GMV by customer type over time, and of the period before", asTable, tools,
    keys: [...order.map((type) => [`s${TYPES.indexOf(type) + 1}`, format.words(type)]), ["before", "Period before, all"], ...(parts.running ? [["pale", "Today so far"]] : [])],
    chart: () => columns({ label: "GMV by customer type over time", parts: rows, totals: placed(whole, since), name: "gmv", order, colours, show: format.shortMoney, title }),
  });
}

function multiples(rows, grain) {
  const values = [...new Set(rows.map((row) => row.value))];
  return h("div", { class: "multiples" }, values.map((value) => {
    const own = rows.filter((row) => row.value === value);
    const title = (row) => `${[period(row, grain), ...remarks(row)].join("\n")}\nGMV ${format.money(row.current.gmv)}\nBefore ${format.money(row.before.gmv)}`;
    return h("div", { class: "multiple" }, h("h3", {}, format.words(value)), line({ label: `GMV of ${value} over time`, rows: own, name: "gmv", show: format.shortMoney, title }));
  }));
}

function discountRate(whole, grain, since) {
  const shown = timeColumns("all").filter((column) => column.name !== "all");
  const title = (row) => `${[period(row, grain), ...remarks(row)].join("\n")}\nDiscounts ${format.percent(row.current.discount_rate)} (${format.money(row.current.discounts)})\nBefore ${format.percent(row.before.discount_rate)}`;
  return figure({
    key: "discounts", label: "Discount rate over time", keys: [["solid s2", "This period"], ["dashed", "Period before"], ...ring(whole)],
    asTable: () => table({ caption: "Discount rate over time", columns: shown, rows: marked(whole) }), tools: csvButton({ name: "sales-over-time", columns: shown, rows: async () => marked(whole) }),
    chart: () => line({ label: "Discount rate over time", rows: placed(whole, since), name: "discount_rate", show: format.percent, title, height: 210, small: false, colour: "var(--series-2)" }),
  });
}
