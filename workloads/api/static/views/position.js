// One SKU at one location, and what moved it: a dialog that has an address of its own.

import { get } from "../core/api.js";
import { fill, h } from "../core/dom.js";
import * as format from "../core/format.js";
import { go } from "../core/url.js";
import { nothing } from "../ui/panel.js";
import { csvButton, table } from "../ui/table.js";
import { tile, tiles } from "../ui/tiles.js";

// `transfer_in` as "Transfer in": the events' schema says which kinds there are.
const inWords = (kind) => kind.charAt(0).toUpperCase() + kind.slice(1).replaceAll("_", " ");
const WORDS = { stockout: "Out of stock", low: "Low", overstock: "Overstock", ok: "In stock" };

const COLUMNS = [
  { name: "event_time", title: "When", head: true, show: (row) => h("time", { datetime: row.event_time }, format.when(row.event_time)) },
  { name: "kind", title: "What", show: (row) => [inWords(row.kind), row.in_on_hand ? null : h("span", { class: "sub" }, "within the later count")] },
  { name: "quantity", title: "Units", right: true, show: (row) => (row.kind === "count" ? `= ${format.count(row.quantity)}` : format.signed(row.quantity)) },
  { name: "reference", title: "Reference", spare: true, show: (row) => h("span", { class: "code" }, row.reference ?? format.NONE) },
  ...["event_id", "line_number", "in_on_hand", "recorded_at"].map((name) => ({ name, hidden: true })),
];

const key = (location, sku) => JSON.stringify([location, sku]);

export class Position {
  constructor() {
    this.body = h("div", { class: "body" });
    this.close = h("button", { type: "button", class: "quiet close", "data-key": "close", "aria-label": "Close", on: { click: () => go({ sku: null, at: null }) } }, "✕");
    this.root = h("dialog", { class: "drawer", "aria-labelledby": "position-title" }, this.close, this.body);
    this.root.addEventListener("cancel", (event) => { event.preventDefault(); go({ sku: null, at: null }); });
    this.root.addEventListener("click", (event) => event.target === this.root && go({ sku: null, at: null }));
    this.shown = null;
  }

  update({ sku, at }) {
    const wanted = sku && at ? key(at, sku) : null;
    if (wanted === this.shown) return;
    this.shown = wanted;
    this.place = { sku, at };
    if (!wanted) return this.root.close();
    fill(this.body, h("h2", { id: "position-title" }, sku), h("div", { class: "skeleton" }));
    if (!this.root.open) this.root.showModal();
    this.load();
  }

  async load() {
    const { sku, at } = this.place;
    const wanted = this.shown;
    try {
      // As parameters: a path carries neither `..` nor a location with a slash.
      const found = await get("/v1/inventory/position", { location_id: at, sku, movements: 100 });
      if (this.shown === wanted) fill(this.body, this.detail(found));
    } catch (error) {
      if (this.shown !== wanted) return;
      fill(this.body, h("h2", { id: "position-title" }, sku), error.status === 404
        ? nothing(`${sku} never had an event at ${at}`)
        : h("div", { class: "failed" }, h("p", {}, error.message), h("button", { type: "button", on: { click: () => this.load() } }, "Try again")));
    }
  }

  detail(item) {
    const facts = [item.category, item.style, item.colour, item.size].filter(Boolean).join(" · ");
    return [
      h("h2", { id: "position-title" }, item.name ?? item.sku),
      h("p", { class: "note" }, h("span", { class: "code" }, item.sku), ` at ${item.location_id} ${item.location_name ?? ""}`, h("br"), facts),
      tiles("Stock of this shelf", [
        tile({ name: "on_hand", title: "On hand", value: format.count(item.on_hand), detail: h("span", { class: `status ${item.status}` }, WORDS[item.status]) }),
        tile({ name: "avg_daily_units", title: "Units a day", value: format.decimal(item.avg_daily_units, 2), detail: `reorder at ${format.count(item.reorder_point)}` }),
        tile({ name: "days_of_cover", title: "Cover", value: item.days_of_cover === null || item.on_hand <= 0 ? format.NONE : format.days(item.days_of_cover), detail: item.counted_at ? `counted ${format.when(item.counted_at)}` : "never counted" }),
      ]),
      h("div", { class: "panel-head" }, h("h3", {}, "Movements, newest first"), csvButton({ name: `movements-${item.location_id}-${item.sku}`.replaceAll("/", "-"), columns: COLUMNS, rows: async () => item.movements })),
      item.movements.length ? table({ caption: `Movements of ${item.sku} at ${item.location_id}`, columns: COLUMNS.filter((column) => !column.hidden), rows: item.movements }) : nothing("No movements"),
    ];
  }

  changed(items) {
    if (this.shown && items.some((item) => key(item.location_id, item.sku) === this.shown)) this.load();
  }

  resync() {
    if (this.shown) this.load();
  }

  stop() {
    this.shown = null;
    this.root.close();
  }
}
