// Inventory: how the shelves stand now, what to look at first, and what to do about it. It follows the stream.

import { get } from "../core/api.js";
import { fill, h, throttled } from "../core/dom.js";
import * as format from "../core/format.js";
import { grid } from "../ui/grid.js";
import { filters, select } from "../ui/controls.js";
import { tile, tiles } from "../ui/tiles.js";
import { Attention } from "./attention.js";
import { HeatMap } from "./heatmap.js";
import { Position } from "./position.js";
import { sizeRuns } from "./sizeruns.js";
import { Ticker } from "./ticker.js";
import { transfers } from "./transfers.js";

const CELLS_AT_ONCE = 6;

export function inventory(context) {
  const bar = h("div", {});
  const figures = h("div", { class: "figures", "aria-busy": "true" }, h("div", { class: "skeleton short" }));
  const parts = { heat: new HeatMap(context), attention: new Attention(), runs: sizeRuns(), transfers: transfers() };
  const ticker = new Ticker();
  const position = new Position();
  let state = null;
  let [total, drawn] = [null, null]; // the key figures, and the filter that they are of
  let shown = Promise.resolve();

  let [items, moved] = [[], new Map()]; // the heat map's counts, and the cells whose stock has moved since

  const where = () => ({ location_id: state.location, category: state.category });
  const filter = () => JSON.stringify(where());
  /** The heat map shows every location whatever the filter: the tiles and the lists are of the filter. */
  async function summary() {
    moved = new Map();
    const filtered = state.location || state.category;
    const asked = filter();
    try {
      const [everything, some] = await Promise.all([get("/v1/inventory/summary"), filtered ? get("/v1/inventory/summary", where()) : null]);
      if (asked !== filter()) return null; // a slow answer about what is no longer asked
      items = everything.items;
      return draw((some ?? everything).total);
    } catch (error) {
      if (asked === filter()) fill(figures, keyFigures(UNKNOWN)); // those of another filter must not stand here
      throw error;
    }
  }

  function draw(sum) {
    [total, drawn] = [sum, filter()];
    fill(figures, keyFigures(total));
    figures.removeAttribute("aria-busy");
    parts.attention.counts(total);
    return parts.heat.show(items, state);
  }

  /** Ask for the cells that moved alone: a sale is seen at once, and a busy hour costs little. */
  async function movedCells() {
    const cells = [...moved.values()];
    moved = new Map();
    if (cells.length > CELLS_AT_ONCE || !items.length) return summary();
    const found = (await Promise.all(cells.map((cell) => get("/v1/inventory/summary", cell)))).flatMap((answer) => answer.items);
    const key = (item) => `${item.location_id} ${item.category}`;
    const fresh = new Map(found.map((item) => [key(item), item]));
    items = items.map((item) => fresh.get(key(item)) ?? item);
    items.push(...found.filter((item) => !items.some((old) => key(old) === key(item))));
    return draw(sums(items.filter((item) => [undefined, item.location_id].includes(state.location) && [undefined, item.category].includes(state.category))));
  }
  const refreshSummary = throttled(() => parts.heat.panel.load(summary), 3000);
  const refreshCells = throttled(() => parts.heat.panel.load(movedCells), 700);
  const refreshAttention = throttled(() => parts.attention.reload(), 3000);
  const refreshAdvice = throttled(() => { parts.runs.reload(); parts.transfers.reload(); }, 20_000);

  return {
    root: h("div", {}, bar, figures,
      grid([parts.heat.panel, parts.attention.panel], [ticker.panel, parts.transfers.panel, parts.runs.panel]), position.root),
    update(next) {
      const differs = (...names) => state === null || names.some((name) => next[name] !== state[name]);
      const [filtered, shaded, listed] = [differs("location", "category"), differs("heat"), differs("location", "category", "kind")];
      state = next;
      if (filtered || shaded) {
        fill(bar, filterBar(context));
        shown = parts.heat.panel.load(filtered || drawn !== filter() || !items.length ? summary : async () => draw(total));
      }
      // What is looked at first is asked first: each of these reads the whole chain's stock.
      if (listed) shown = shown.then(() => parts.attention.load(where(), state.kind));
      if (filtered) shown = shown.then(() => Promise.all([parts.transfers.load(where()), parts.runs.load(where())]));
      position.update(state);
    },
    changed(positions) {
      for (const { location_id, category } of positions) moved.set(`${location_id} ${category}`, { location_id, category });
      refreshCells();
      refreshAttention();
      refreshAdvice();
      ticker.add(positions);
      position.changed(positions);
    },
    /** Read everything anew; at first only what could not be read. */
    resync(again) {
      if (again || parts.heat.panel.failed) refreshSummary();
      if (again || parts.attention.panel.failed) refreshAttention();
      if (again || parts.runs.panel.failed || parts.transfers.panel.failed) refreshAdvice();
      position.resync();
    },
    stop: () => position.stop(),
  };
}

const filterBar = (context) => filters([
  select({ name: "location", label: "Location", options: [["", "All locations"], ...context.locations.map((l) => [l.location_id, l.name ? `${l.location_id} ${l.name}` : l.location_id])] }),
  select({ name: "category", label: "Category", options: [["", "All categories"], ...context.categories.map((c) => [c, format.words(c)])] }),
], ["location", "category"]);

const COUNTS = ["shelves", "units", "stockout", "low", "overstock", "ok"];
const UNKNOWN = Object.fromEntries(COUNTS.map((name) => [name, null]));
const sums = (items) => Object.fromEntries(COUNTS.map((name) => [name, items.reduce((total, item) => total + item[name], 0)]));

function keyFigures(total) {
  const part = (name) => (total === UNKNOWN ? null : total.shelves ? `${format.percent(total[name] / total.shelves)} of shelves` : "no shelves");
  return tiles("Stock now", [
    tile({ name: "stockout", title: "Stockouts", value: format.count(total.stockout), detail: part("stockout"), mark: "stockout" }),
    tile({ name: "low", title: "Low", value: format.count(total.low), detail: part("low"), mark: "low" }),
    tile({ name: "overstock", title: "Overstock", value: format.count(total.overstock), detail: part("overstock"), mark: "overstock" }),
    tile({ name: "on_hand", title: "Units on hand", value: format.count(total.units), detail: total === UNKNOWN ? null : `on ${format.count(total.shelves)} shelves` }),
  ]);
}
