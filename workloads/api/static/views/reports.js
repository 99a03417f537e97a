// What the two report views share: they load by the address, and anew when newer reports are published.

import { fill, h } from "../core/dom.js";
import * as format from "../core/format.js";
import { range } from "../core/dates.js";
import { grid } from "../ui/grid.js";
import { Panel, nothing } from "../ui/panel.js";
import { help } from "../ui/help.js";
import { staleNotice } from "../ui/status.js";
import { rangeFilters } from "../ui/range.js";

/** A view of panels, laid out by their keys in one or two columns. `fields(context)` are its own filters `names`; `load(panels, about)` fills the panels. */
export function reportView({ context, status, panels, layout, fields, names, load }) {
  const [bar, notice, period, figures] = [h("div", {}), h("div", {}), h("p", { class: "period" }), new Panel({ title: "Key figures" })];
  figures.root.classList.add("plain");
  figures.heading.classList.add("unseen");
  let [state, key, known] = [{}, null, context];
  const tell = (freshness) => fill(notice, staleNotice(freshness));
  status.listeners.add(tell);
  tell(status.freshness);

  function draw() {
    const asked = range(state, known);
    const question = { from: asked.from, to: asked.to, ...Object.fromEntries(names.map((name) => [{ location: "location_id", type: "customer_type" }[name] ?? name, state[name]])) };
    fill(bar, rangeFilters(known, state, fields(known), names));
    load({ figures, ...panels }, { question, grain: asked.grain, state, context: known, tell: (comparison) => fill(period, ...periodWords(comparison)) });
  }
  return {
    root: h("div", {}, bar, notice, period, figures.root, grid(layout[0].map((key) => panels[key]), layout[1]?.map((key) => panels[key]))),
    update(next) {
      state = next;
      const now = JSON.stringify(["from", "to", "grain", "split", ...names].map((name) => next[name]));
      if (now !== key) {
        key = now;
        draw();
      }
    },
    /** The stream is back: what could not be read may be there now. */
    resync() {
      if ([figures, ...Object.values(panels)].some((panel) => panel.failed)) draw();
    },
    published(context) {
      known = context;
      draw();
    },
    stop: () => status.listeners.delete(tell),
  };
}

function periodWords({ current, before }) {
  return [h("strong", {}, format.span(current)), " against ", format.span(before), help("before"),
    before.complete ? null : h("span", { class: "caution" }, "There are no figures for all of the period before: changes are left out.")];
}

/** A change, where the period before can be compared with. */
export const against = (comparison, text) => (comparison.before.complete ? text : undefined);

export const noReports = (context) => (context.last_date
  ? nothing("Nothing was sold in these dates", "Choose another range, or reset the filters.")
  : nothing("No reports yet", "They appear when the pipeline has published its first run: uv run fastyle pipeline run."));

/** A cell with the change against the period before, coloured by whether it is good. */
export function changeCell(comparison, value, text, good = "up") {
  if (!comparison.before.complete || value === null || value === undefined) return format.NONE;
  const sign = Math.sign(Number(value));
  return h("span", { class: `change ${sign === 0 || !good ? "flat" : (sign > 0) === (good === "up") ? "good" : "bad"}` }, text(value));
}
