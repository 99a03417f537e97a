// The filters that reports share: a range of dates, the grain, and more fields.

import { h } from "../core/dom.js";
import { presets, range } from "../core/dates.js";
import { nav } from "../core/url.js";
import { dateField, filters, select } from "./controls.js";

export function rangeFilters(context, state, fields, names) {
  const now = range(state, context);
  return filters([
    h("div", { class: "choice", role: "group", "aria-label": "Range" }, presets(now, context).map(([text, changes, current]) =>
      h("a", { ...nav(changes), "data-key": `range-${text}`, "aria-current": current ? "true" : null }, text))),
    dateField({ name: "from", label: "From", value: now.from, max: now.to, changes: { to: now.to } }),
    dateField({ name: "to", label: "To", value: now.to, min: now.from, changes: { from: now.from } }),
    select({ name: "grain", label: "By", options: [["", "Automatic"], ["day", "Day"], ["week", "Week"], ["month", "Month"]] }),
    ...fields,
  ], ["from", "to", "grain", ...names]);
}

export const categoryField = (context, words) => select({ name: "category", label: "Category", options: [["", "All categories"], ...context.categories.map((c) => [c, words(c)])] });
