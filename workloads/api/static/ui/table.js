// Tables: figures to the right in figures of one width, their definitions at hand, and as a file.

import { announce, h, unseen } from "../core/dom.js";
import { save } from "../core/csv.js";
import { help } from "./help.js";

/** Rows whose figures have no room beside each other stand one below the other: a figure that is half out of sight reads as another one. */
const watcher = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    const width = Math.round(contentRect.width);
    if (target.fitted === width) continue;
    target.fitted = width;
    target.classList.remove("stacked");
    target.classList.toggle("stacked", target.scrollWidth > target.clientWidth + 1);
  }
});

/**
 * Columns: `{name, title, show(row), csv(row)?, right?, spare?, head?}`. `csv` is what a file gets (default: the row's
 * `name`), `spare` columns go on a phone, the `head` column names the row, `explain` is the figure whose definition it has.
 */
export function table({ caption, columns, rows, foot = [] }) {
  const kind = (column) => [column.right ? "right" : null, column.spare ? "spare" : null].filter(Boolean).join(" ") || null;
  const line = (row, index) =>
    h("tr", { "data-row": index },
      columns.map((column) =>
        h(column.head ? "th" : "td", { class: kind(column), scope: column.head ? "row" : null, "data-title": column.head ? null : column.title }, column.show(row, index))));
  const box = h("div", { class: "scroll", role: "group", tabindex: "0", "aria-label": caption },
    h("table", {}, h("caption", { class: "unseen" }, caption),
      h("thead", {}, h("tr", {}, columns.map((column) =>
        h("th", { class: kind(column), scope: "col" }, h("span", { class: "th" }, column.title, help(column.explain)))))),
      h("tbody", {}, rows.map(line)),
      foot.length ? h("tfoot", {}, foot.map(line)) : null));
  watcher.observe(box);
  return box;
}

/** A button that saves every row as CSV: `rows` resolves to all of them, not only to those on screen. */
export function csvButton({ name, columns, rows }) {
  const parts = columns.filter((column) => column.csv !== null);
  const button = h("button", { type: "button", class: "quiet", "data-key": `csv-${name}` }, "CSV", unseen(` of ${name.replaceAll("-", " ")}`));
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const header = parts.flatMap((column) => column.files ?? [column.name]);
      save(name, header, (await rows()).map((row) => parts.flatMap((column) => (column.csv ? column.csv(row) : row[column.name]))));
      announce(`Saved ${name}.csv`);
    } catch (error) {
      announce(`Not saved: ${error.message}`);
      button.title = `Not saved: ${error.message}`;
    }
    button.disabled = false;
  });
  return button;
}
