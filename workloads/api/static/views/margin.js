// Margin: what is left of net sales after the cost of goods, by category, with its trend.

import { get } from "../core/api.js";
import { h } from "../core/dom.js";
import * as format from "../core/format.js";
import { figure } from "../ui/chart.js";
import { Panel } from "../ui/panel.js";
import { categoryField } from "../ui/range.js";
import { line, marked, placed, remarks } from "../ui/series.js";
import { csvButton, table } from "../ui/table.js";
import { tile, tiles } from "../ui/tiles.js";
import { changeCell, moved, noReports, periodCell, periodFile, reportView } from "./reports.js";

const PATH = "/v1/reports/comparison/margin";
const FIGURES = ["net_sales", "cogs", "gross_profit", "gross_margin"];
const files = (side, suffix = "") => ({ files: FIGURES.map((name) => name + suffix), csv: (row) => FIGURES.map((name) => row[side][name]) });

const categoryColumns = (comparison) => [
  { name: "category", title: "Category", head: true, show: (row) => format.words(row.value), csv: (row) => [row.value] },
  { name: "net_sales", title: "Net sales", right: true, explain: "net_sales", show: (row) => format.money(row.current.net_sales), ...files("current") },
  { name: "cogs", title: "Cost of goods", right: true, spare: true, explain: "cogs", show: (row) => format.money(row.current.cogs), ...files("before", "_before") },
  { name: "gross_profit", title: "Gross profit", right: true, spare: true, explain: "gross_profit", show: (row) => format.money(row.current.gross_profit), csv: null },
  { name: "profit_change", title: "Change", right: true, spare: true, show: (row) => changeCell(comparison, row, "gross_profit"), csv: null },
  { name: "gross_margin", title: "Margin", right: true, explain: "gross_margin", show: (row) => h("strong", {}, format.percent(row.current.gross_margin)), csv: null },
  { name: "margin_change", title: "Change", right: true, show: (row) => changeCell(comparison, row, "gross_margin", format.points), csv: null },
];

const timeColumns = [
  { name: "business_date", title: "From", head: true, show: periodCell },
  { name: "category", title: "Category", show: (row) => format.words(row.value), csv: (row) => [row.value] },
  { name: "net_sales", title: "Net sales", right: true, show: (row) => format.money(row.current.net_sales), ...files("current") },
  { name: "gross_profit", title: "Gross profit", right: true, show: (row) => format.money(row.current.gross_profit), ...files("before", "_before") },
  { name: "gross_margin", title: "Margin", right: true, show: (row) => format.percent(row.current.gross_margin), ...periodFile },
];

export function margin(context, status) {
  const panels = {
    trend: new Panel({ title: "Gross margin by category", name: "gross_margin", note: "Every category on one scale." }),
    categories: new Panel({ title: "What it is made of" }),
  };
  return reportView({ context, status, panels, layout: [["trend", "categories"]], fields: (known) => [categoryField(known, format.words)], names: ["category"], load });

  function load({ figures, trend, categories }, { question, grain, context: now, tell }) {
    const ask = (more) => get(PATH, { ...question, ...more });
    figures.load(async () => {
      const comparison = await ask({});
      tell(comparison);
      return keyFigures(comparison, !question.category && known(now));
    });
    trend.load(async () => {
      const parts = await ask({ grain, by: "category" });
      return parts.items.length ? overTime(parts, grain, now.first_date) : noReports(now);
    });
    categories.load(async () => {
      const comparison = await ask({ by: "category" });
      const columns = categoryColumns(comparison);
      const rows = [...comparison.items].sort((a, b) => Number(b.current.gross_profit ?? -Infinity) - Number(a.current.gross_profit ?? -Infinity));
      categories.tools.replaceChildren(csvButton({ name: "margin-by-category", columns, rows: async () => rows }));
      return rows.length ? table({ caption: "Margin by category", columns, rows }) : noReports(now);
    });
  }
}

const known = (context) => context.categories.includes("unknown");

function keyFigures(comparison, partly) {
  const [row] = comparison.items;
  const { current } = row;
  const part = (name, title, value, good, text, detail) => {
    const change = moved(comparison, row, name, text);
    return tile({ name, title, value, detail, good, change: change?.sign, text: change?.text });
  };
  return tiles("Margin in these dates", [
    part("gross_margin", "Gross margin", format.percent(current.gross_margin), "up", format.points),
    part("gross_profit", "Gross profit", format.money(current.gross_profit), "up"),
    part("net_sales", "Net sales", format.money(current.net_sales), "up", undefined, partly ? "of categories with known costs" : undefined),
    part("cogs", "Cost of goods", format.money(current.cogs), null),
  ]);
}

function overTime(parts, grain, since) {
  const rows = placed(parts, since).filter((row) => row.value !== "unknown");
  const shares = rows.flatMap((row) => [row.current.gross_margin, row.before.gross_margin]).filter((v) => v !== null).map(Number);
  // From ten percent to ten percent around what is there, be it a loss of several times the sales: a trend does not begin at 0.
  const [least, most] = shares.length ? [Math.floor(Math.min(...shares) * 10) / 10, Math.ceil(Math.max(...shares) * 10) / 10] : [0, 1];
  const domain = [least, most > least ? most : least + 0.1];
  const title = (row) => `${[`${grain === "day" ? "" : "From "}${format.day(row.business_date)}`, ...remarks(row)].join("\n")}\nMargin ${format.percent(row.current.gross_margin)}\nGross profit ${format.money(row.current.gross_profit)}\nBefore ${format.percent(row.before.gross_margin)}`;
  return figure({
    key: "trend", label: "Gross margin of each category over time", keys: [["solid", "This period"], ["dashed", "Period before"], ...(parts.running ? [["ring", "Today so far"]] : [])],
    asTable: () => table({ caption: "Gross margin by category over time", columns: timeColumns, rows: marked(parts) }),
    tools: csvButton({ name: "margin-over-time", columns: timeColumns, rows: async () => marked(parts) }),
    chart: () => h("div", { class: "multiples" }, [...new Set(rows.map((row) => row.value))].map((value) =>
      h("div", { class: "multiple" }, h("h3", {}, format.words(value)),
        line({ label: `Gross margin of ${value} over time`, rows: rows.filter((row) => row.value === value), name: "gross_margin", domain, show: format.percent, title })))),
  });
}
