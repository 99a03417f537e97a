// Key figures: what it is, how much, and how it moved against the period before.

import { h, unseen } from "../core/dom.js";
import { help } from "./help.js";

/** `explain` names the figure whose definition it has; `good` says which direction is: "up", "down" or null. */
export function tile({ name, explain = name, title, value, detail, change, text, good = "up", mark }) {
  const direction = change === null || change === undefined ? 0 : Math.sign(Number(change));
  const tone = direction === 0 || !good ? "flat" : (direction > 0) === (good === "up") ? "good" : "bad";
  return h("div", { class: `tile${mark ? ` mark-${mark}` : ""}`, "data-figure": name },
    h("dt", {}, title, help(explain)),
    h("dd", {}, h("span", { class: `value${long(value)}` }, value),
      text ? h("span", { class: `change ${tone}` }, h("span", { "aria-hidden": "true" }, direction > 0 ? "▲ " : direction < 0 ? "▼ " : ""), text, unseen(" against the period before")) : null,
      detail ? h("span", { class: "detail" }, detail) : null));
}

/** A long figure is set smaller, so that it stays whole on one line of its card. */
const long = (value) => (String(value).length > 16 ? " longest" : String(value).length > 10 ? " long" : "");

export const tiles = (label, parts) => h("dl", { class: "tiles", "aria-label": label }, parts);
