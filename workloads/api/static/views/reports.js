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

function periodWords({ current, before, compared, running, revised }) {
  const [whole, part] = [format.span(current), compared && { first: compared.before_first, last: compared.before_last }];
  return [h("strong", {}, whole),
    running ? h("span", { class: "running" }, compared ? ` with today so far; compared are ${format.span(compared)} against ${format.span(part)}` : " so far: there is no complete date to compare") : ` against ${format.span(before)}`,
    help("before"),
    before.complete ? null : h("span", { class: "caution" }, "There are no figures for all of the period before: changes are left out."),
    revised.length ? h("details", { class: "revised" }, h("summary", {}, `Late data changed ${revised.length === 1 ? "a date" : `${format.count(revised.length)} dates`} after publication`),
      h("ul", {}, revised.map((one) => h("li", {}, `${format.day(one.business_date)}, changed ${format.when(one.revised_at)}`)))) : null];
}

/** How a figure of a row moved: `{sign, text}`, undefined where it cannot be said. From exactly 0 there is no share to state. */
export function moved(comparison, row, name, text = format.change) {
  if (!comparison.before.complete || !row.compared) return undefined;
  const [now, then] = [row.compared.current[name], row.compared.before[name]];
  const difference = text === format.points;
  if (now === null || then === null || (!difference && Number(then) < 0)) return undefined;
  if (!difference && Number(then) === 0) return Number(now) === 0 ? undefined : { sign: Math.sign(Number(now)), text: "new" };
  return { sign: Math.sign(Number(row.change[name])), text: text(row.change[name]) };
}

/** A period's name in a table, with what there is to say of it. */
export const periodCell = (row) => [format.day(row.business_date),
  row.running ? h("span", { class: "sub" }, "today so far") : null, row.revised.length ? h("span", { class: "sub" }, "changed by late data") : null];

/** What a file says of a period, besides its figures. */
export const periodFile = { files: ["running", "revised_at"], csv: (row) => [row.running ? "true" : "false", row.revised.map((one) => one.revised_at).sort().at(-1) ?? ""] };

export const noReports = (context) => (context.last_date
  ? nothing("Nothing was sold in these dates", "Choose another range, or reset the filters.")
  : nothing("No reports yet", "They appear when the pipeline has published its first run: uv run fastyle pipeline run."));

/** A cell with the change against the period before, coloured by whether it is good. */
export function changeCell(comparison, row, name, text, good = "up") {
  const change = moved(comparison, row, name, text);
  if (!change) return format.NONE;
  return h("span", { class: `change ${change.sign === 0 || !good ? "flat" : (change.sign > 0) === (good === "up") ? "good" : "bad"}` }, change.text);
}
