// The positions that moved last, the moment they do.

import { fill, h } from "../core/dom.js";
import * as format from "../core/format.js";
import { Panel } from "../ui/panel.js";
import { skuLink } from "./attention.js";

const KEPT = 14;
const WORDS = { stockout: "out of stock", low: "low", overstock: "overstock", ok: "ok" };

export class Ticker {
  constructor() {
    this.panel = new Panel({ title: "Moving now", note: "The shelves that moved last, since this page was opened." });
    this.rows = [];
    this.draw();
  }

  add(items) {
    const fresh = [...items].sort((a, b) => b.updated_at.localeCompare(a.updated_at)).slice(0, KEPT);
    const keys = new Set(fresh.map((item) => `${item.location_id} ${item.sku}`));
    this.rows = [...fresh.map((item) => ({ ...item, fresh: true })), ...this.rows.filter((item) => !keys.has(`${item.location_id} ${item.sku}`)).map((item) => ({ ...item, fresh: false }))].slice(0, KEPT);
    this.draw();
  }

  draw() {
    fill(this.panel.body, this.rows.length
      ? h("ol", { class: "ticker" }, this.rows.map((item) => h("li", { class: item.fresh ? "moved" : null, "data-moved": `${item.location_id} ${item.sku}` },
        h("span", { class: "code" }, item.location_id), skuLink(item), h("span", { class: "figure" }, format.count(item.on_hand)), h("span", { class: `status ${item.status}` }, WORDS[item.status]), h("time", { datetime: item.updated_at }, format.when(item.updated_at)))))
      : h("p", { class: "quiet-note" }, "Waiting for the next sale or stock change."));
  }
}
