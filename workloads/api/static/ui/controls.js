// What sets the address: selects, date fields and choices. None keeps a state of its own.

import { h } from "../core/dom.js";
import { current, go, nav } from "../core/url.js";

/** A labelled select for one parameter; options are [value, text], the first one is the default and not in the address. */
export function select({ name, label, options, value = current()[name] ?? "" }) {
  const fallback = options[0][0];
  return h("label", { class: "field" }, h("span", {}, label),
    h("select", { "data-key": name, name, on: { change: (event) => go({ [name]: event.target.value === fallback ? null : event.target.value }) } },
      options.map(([key, text]) => h("option", { value: key, selected: key === (value || fallback) }, text))));
}

export function dateField({ name, label, value, min, max, changes = {} }) {
  return h("label", { class: "field" }, h("span", {}, label),
    h("input", { type: "date", "data-key": name, name, value, min, max, on: { change: (event) => event.target.value && go({ ...changes, [name]: event.target.value }) } }));
}

/** Links of which one is current: choices that are addresses. Options are [value, text, count?]. */
export function choice({ name, label, options, value = current()[name] }) {
  const fallback = options[0][0];
  return h("div", { class: "choice", role: "group", "aria-label": label },
    options.map(([key, text, extra]) =>
      h("a", { ...nav({ [name]: key === fallback ? null : key }), "data-key": `${name}-${key}`, "aria-current": key === (value ?? fallback) ? "true" : null },
        text, extra === undefined ? null : h("span", { class: "badge" }, extra))));
}

/** The bar of filters, with a way back to none. */
export function filters(fields, names) {
  const set = names.some((name) => name in current());
  return h("form", { class: "filters", "aria-label": "Filters", on: { submit: (event) => event.preventDefault() } }, fields,
    set ? h("a", { class: "reset", ...nav(Object.fromEntries(names.map((name) => [name, null]))), "data-key": "reset" }, "Reset filters") : null);
}
