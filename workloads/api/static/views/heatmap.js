// Locations by categories, each cell as dark as its share of shelves in trouble. A cell is a link to what is in it.

import { h, unseen } from "../core/dom.js";
import * as format from "../core/format.js";
import { nav } from "../core/url.js";
import { choice } from "../ui/controls.js";
import { arrows } from "../ui/arrows.js";
import { Panel, nothing } from "../ui/panel.js";
import { csvButton } from "../ui/table.js";

const KINDS = [["stockout", "Stockouts"], ["low", "Low"], ["overstock", "Overstock"]];
const WORDS = { stockout: "out of stock", low: "low", overstock: "overstocked" };
// Upper bounds of the steps' shares. Too much is common, an empty shelf is not: each has its own.
const STEPS = { stockout: [0, 0.02, 0.05, 0.1, 0.2, 0.4, 1], low: [0, 0.02, 0.05, 0.1, 0.2, 0.4, 1], overstock: [0, 0.2, 0.4, 0.6, 0.75, 0.9, 1] };
const FEW = 12; // categories whose names fit above their columns, beside the lists
const FEW_ON_A_PHONE = 5;
const phone = matchMedia("(max-width: 760px)");
const COLUMNS = ["location_id", "category", "shelves", "units", "stockout", "low", "overstock", "ok"].map((name) => ({ name }));

export class HeatMap {
  constructor(context) {
    this.context = context;
    this.items = [];
    this.panel = new Panel({ title: "Shelves by location and category", name: "shelf", note: "The number of shelves; the stronger the colour, the larger their share." });
  }

  /** The nodes for these counts; called again whenever stock moved. */
  show(items, state) {
    const kind = Object.hasOwn(STEPS, state.heat) ? state.heat : "stockout";
    const changed = this.shown === kind ? this.differences(items, kind) : new Set();
    [this.items, this.shown] = [items, kind];
    this.panel.tools.replaceChildren(choice({ name: "heat", label: "Shade by", options: KINDS }),
      csvButton({ name: "shelves-by-location-and-category", columns: COLUMNS, rows: async () => this.items }));
    if (!items.length) return nothing("No stock yet", "Shelves appear here with the first event that an accepted sale or stock change brings.");
    const counts = new Map(items.map((item) => [`${item.location_id} ${item.category}`, item]));
    const present = new Set(items.map((item) => item.category));
    const categories = this.context.categories.filter((category) => present.has(category));
    for (const category of present) if (!categories.includes(category)) categories.push(category);
    const ids = new Set(items.map((item) => item.location_id));
    const locations = this.context.locations.filter((location) => ids.has(location.location_id));
    for (const id of ids) if (!locations.some((l) => l.location_id === id)) locations.push({ location_id: id, name: null });
    const title = WORDS[kind];
    const many = categories.length > (phone.matches ? FEW_ON_A_PHONE : FEW) ? " many" : "";
    // Columns of one width, that of the longest figure: what is seen of the map are whole columns, wherever it is scrolled to.
    const longest = (values) => Math.max(2, ...values.map((value) => format.count(value).length));
    const sums = [...ids].map((id) => items.filter((item) => item.location_id === id).reduce((total, item) => total + item[kind], 0));
    const vars = { "--columns": categories.length, "--digits": longest(items.map((item) => item[kind])), "--sum-digits": longest(sums) };
    return [
      h("div", { class: `scroll heat-scroll${many}`, vars, role: "group", "aria-label": `Heat map of shelves ${title}; the arrow keys move through it` },
        arrows(h("table", { class: `heat ${kind}${many}` }, h("caption", { class: "unseen" }, `Shelves: ${title} by location and category`),
          h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Location"),
            categories.map((category) => h("th", { scope: "col", class: "right" }, this.link({ category: state.category === category ? null : category }, `c-${category}`, format.words(category), state.category === category))),
            h("th", { scope: "col", class: "right sum" }, "All"))),
          h("tbody", {}, locations.map((location) => this.row(location, categories, counts, kind, title, state, changed)))))),
      scale(kind, title),
    ];
  }

  row(location, categories, counts, kind, title, state, changed) {
    const id = location.location_id;
    const here = categories.map((category) => counts.get(`${id} ${category}`));
    const sum = (name) => here.reduce((total, item) => total + (item ? item[name] : 0), 0);
    const chosen = state.location === id && !state.category;
    return h("tr", { class: location.kind === "warehouse" ? "warehouse" : null },
      h("th", { scope: "row", title: `${id} ${location.name ?? ""}` }, this.link({ location: chosen ? null : id, category: null }, `l-${id}`, [h("span", { class: "code" }, id), h("span", { class: "place" }, ` ${location.name ?? ""}`)], chosen)),
      here.map((item, index) => h("td", {}, item ? this.cell(item, kind, title, state, changed, categories[index]) : h("span", { class: "cell empty" }, "·"))),
      h("td", { class: "right sum" }, format.count(sum(kind))));
  }

  cell(item, kind, title, state, changed) {
    const { location_id: id, category, shelves } = item;
    const share = item[kind] / shelves;
    const step = STEPS[kind].findIndex((bound) => share <= bound);
    const chosen = state.location === id && state.category === category;
    const key = `${id} ${category}`;
    const target = { location: chosen ? null : id, category: chosen ? null : category, kind: kind === "stockout" ? null : kind };
    return h("a", {
      class: `cell step-${step}${changed.has(key) ? " moved" : ""}`, ...nav(target), "data-key": `h-${key}`, "data-cell": key,
      "aria-current": chosen ? "true" : null, title: `${id} ${category}: ${item[kind]} of ${shelves} shelves ${title} (${format.percent(share)})`,
    }, format.count(item[kind]), unseen(` of ${shelves} ${title}`));
  }

  link(target, key, text, chosen) {
    return h("a", { ...nav(target), "data-key": key, "aria-current": chosen ? "true" : null }, text);
  }

  differences(items, kind) {
    const before = new Map(this.items.map((item) => [`${item.location_id} ${item.category}`, item[kind]]));
    return new Set(items.filter((item) => before.get(`${item.location_id} ${item.category}`) !== item[kind]).map((item) => `${item.location_id} ${item.category}`));
  }
}

function scale(kind, title) {
  const bounds = STEPS[kind];
  const text = (index) => (index === 0 ? "0%" : `≤ ${format.percent(bounds[index], 0)}`);
  return h("div", { class: `scale heat ${kind}` }, h("span", {}, `Share of shelves ${title}`), bounds.map((_, index) => h("span", { class: `cell step-${index}` }, text(index))));
}
