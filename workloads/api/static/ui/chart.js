// Charts by Observable Plot, drawn when they come into view of a size, each with its table a button away.

import { fill, h } from "../core/dom.js";

let library = null;

/** The charting library, loaded with the first chart. */
function plotting() {
  library ??= import("../lib/d3.min.js").then(() => import("../lib/plot.umd.min.js")).then(() => globalThis.Plot);
  return library;
}

const watcher = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) target.draw?.(Math.floor(contentRect.width));
});

/** An element that `marks(Plot, width)` fills with a chart of its width; the options are Plot's. */
export function drawing(label, options) {
  const box = h("div", { class: "drawing" });
  let last = 0;
  box.draw = async (width) => {
    if (width < 40 || width === last) return;
    last = width;
    const Plot = await plotting();
    if (width !== last) return;
    const chart = Plot.plot({ width, ariaLabel: label, style: { overflow: "visible" }, ...options(Plot, width) });
    chart.setAttribute("role", "img");
    // An image has one name; Plot's names of its parts are for us.
    for (const part of chart.querySelectorAll("g[aria-label]")) {
      part.dataset.mark = part.getAttribute("aria-label");
      part.removeAttribute("aria-label");
    }
    fill(box, chart);
  };
  watcher.observe(box);
  return box;
}

export function legend(items) {
  return h("ul", { class: "legend" }, items.map(([mark, text]) => h("li", {}, h("span", { class: `swatch ${mark}` }), text)));
}

/** A chart with its legend and a button that shows its table instead. */
export function figure({ key, label, keys = [], chart, asTable, tools = [] }) {
  const stage = h("div", {});
  const button = h("button", { type: "button", class: "quiet", "aria-pressed": "false", "data-key": `table-${key}` }, "Table");
  const show = (pressed) => {
    button.setAttribute("aria-pressed", String(pressed));
    fill(stage, pressed ? asTable() : chart());
  };
  button.addEventListener("click", () => show(button.getAttribute("aria-pressed") !== "true"));
  show(false);
  return h("figure", { "data-figure": key }, h("figcaption", {}, legend(keys), h("span", { class: "unseen" }, label), h("span", { class: "tools" }, button, tools)), stage);
}
