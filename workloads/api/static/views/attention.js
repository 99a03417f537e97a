// The worst positions of one status, with a way to each one's movements.

import { all, get } from "../core/api.js";
import { announce, h } from "../core/dom.js";
import * as format from "../core/format.js";
import { nav } from "../core/url.js";
import { choice } from "../ui/controls.js";
import { Panel, nothing } from "../ui/panel.js";
import { csvButton, table } from "../ui/table.js";

const PATH = "/v1/inventory/attention";
const PAGE = 12;
const KINDS = ["stockout", "overstock", "low"];
const TITLES = { stockout: "Stockouts", overstock: "Overstock", low: "Low" };
const ORDER = { stockout: "First what sells most.", overstock: "First the most excess units.", low: "First what runs out soonest." };

export const skuLink = (row, text = row.sku) =>
  h("a", { ...nav({ sku: row.sku, at: row.location_id }), "data-key": `p-${row.location_id}-${row.sku}` }, text);
export const skuCell = (row, at = row.location_id) => [skuLink({ sku: row.sku, location_id: at }), h("span", { class: "sub" }, row.name ?? "not in the catalogue")];

const columns = (kind) => [
  { name: "sku", title: "SKU", head: true, show: (row) => skuCell(row) },
  { name: "name", hidden: true },
  { name: "category", hidden: true },
  { name: "location_id", title: "Location", show: (row) => [h("span", { class: "code" }, row.location_id), h("span", { class: "sub spare" }, row.location_name)] },
  { name: "on_hand", title: "On hand", right: true, explain: "on_hand", show: (row) => h("span", { class: row.on_hand <= 0 ? "trouble" : null }, format.count(row.on_hand)) },
  { name: "avg_daily_units", title: "Units a day", right: true, spare: true, explain: "avg_daily_units", show: (row) => format.decimal(row.avg_daily_units, 2) },
  { name: "days_of_cover", title: "Cover", right: true, spare: kind !== "low", explain: "days_of_cover", show: (row) => (row.on_hand <= 0 ? "none" : row.days_of_cover === null ? "no demand" : format.days(row.days_of_cover)) },
  { name: "reorder_point", title: "Reorder at", right: true, spare: true, show: (row) => format.count(row.reorder_point) },
  ...(kind === "overstock" ? [{ name: "excess_units", title: "Excess", right: true, explain: "excess_units", show: (row) => format.count(row.excess_units) }] : []),
  { name: "status", hidden: true },
];

export class Attention {
  constructor() {
    this.panel = new Panel({ title: "Needs attention" });
    this.total = null;
    this.where = {};
    this.size = PAGE;
  }

  load(where, kind) {
    this.kind = KINDS.includes(kind) ? kind : "stockout";
    this.where = where;
    this.size = PAGE;
    this.head();
    return this.reload();
  }

  /** The numbers beside the choices. */
  counts(total) {
    this.total = total;
    this.head();
  }

  reload() {
    return this.panel.load(async () => {
      const page = await get(PATH, { ...this.where, kind: this.kind, page_size: this.size });
      if (!page.items.length) return nothing(`No shelf is ${{ stockout: "out of stock", overstock: "overstocked", low: "low" }[this.kind]}`, this.where.location_id || this.where.category ? "Another filter may have some." : null);
      const shown = columns(this.kind).filter((column) => !column.hidden);
      return [
        table({ caption: `${TITLES[this.kind]}, the worst first`, columns: shown, rows: page.items }),
        page.next_page_token ? h("button", { type: "button", class: "more", "data-key": "more", on: { click: () => this.more() } }, "Show more") : null,
      ];
    });
  }

  more() {
    this.size = Math.min(this.size * 3, 1000);
    announce(`Up to ${this.size} rows`);
    this.reload();
  }

  head() {
    const kind = this.kind ?? "stockout";
    const options = KINDS.map((key) => [key, TITLES[key], this.total ? format.count(this.total[key]) : undefined]);
    const parameters = { ...this.where, kind };
    this.panel.note.textContent = ORDER[kind];
    this.panel.tools.replaceChildren(choice({ name: "kind", label: "Which", options }),
      csvButton({ name: `needs-attention-${kind}`, columns: columns(kind), rows: () => all(PATH, parameters) }));
  }
}
