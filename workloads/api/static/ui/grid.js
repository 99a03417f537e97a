// Panels in a column, or in two where there is room: what matters most to the left.

import { h } from "../core/dom.js";

const stack = (panels) => h("div", { class: "stack" }, panels.map((panel) => panel.root));

export const grid = (main, side = []) => h("div", { class: side.length ? "grid two" : "grid" }, stack(main), side.length ? stack(side) : null);
