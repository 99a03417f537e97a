// A figure's definition behind a small button, in the browser's own popover: Escape and a click elsewhere close it.

import { h } from "../core/dom.js";
import { glossary } from "../core/glossary.js";

let terms = {};
export const configure = (context) => { terms = glossary(context); };
export const definitions = () => Object.values(terms);

let serial = 0;

/** The button with its definition; nothing for a name that has none. */
export function help(name) {
  if (!(name in terms)) return null;
  const [title, definition] = terms[name];
  const id = `help-${serial++}`;
  const box = h("div", { class: "popover", popover: "", id, role: "note" }, h("strong", {}, title), h("p", {}, definition));
  const button = h("button", { class: "help", type: "button", popovertarget: id, "aria-label": `What is ${title.toLowerCase()}?` }, "?");
  box.addEventListener("toggle", (event) => event.newState === "open" && place(box, button));
  return [button, box];
}

function place(box, button) {
  const at = button.getBoundingClientRect();
  const left = Math.max(8, Math.min(at.left - 12, innerWidth - box.offsetWidth - 8));
  const below = at.bottom + 6 + box.offsetHeight < innerHeight;
  box.style.left = `${left}px`;
  box.style.top = `${below ? at.bottom + 6 : at.top - 6 - box.offsetHeight}px`;
}
