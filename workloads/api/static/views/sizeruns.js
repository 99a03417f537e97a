// Styles of which a branch lacks some sizes and has others.

import { h, unseen } from "../core/dom.js";
import * as format from "../core/format.js";
import { nav } from "../core/url.js";
import { Listing } from "../ui/listing.js";

const MEANING = { stockout: "out of stock", low: "low", overstock: "overstocked", ok: "in stock" };

const chip = (row, size) => h("a", {
  class: `size ${size.status}`, ...nav({ sku: size.sku, at: row.location_id }), "data-key": `z-${row.location_id}-${size.sku}`,
  title: `${size.sku}: ${size.on_hand} on hand, ${MEANING[size.status]}`,
}, size.size, unseen(` ${MEANING[size.status]}`));

const COLUMNS = [
  { name: "style", title: "Style", head: true, show: (row) => [row.name, h("span", { class: "sub" }, row.style)], files: ["style", "name", "colour", "category"], csv: (row) => [row.style, row.name, row.colour, row.category] },
  { name: "location_id", title: "Location", show: (row) => [h("span", { class: "code" }, row.location_id), h("span", { class: "sub spare" }, row.location_name)] },
  { name: "sizes", title: "Sizes", show: (row) => h("span", { class: "sizes" }, row.sizes.map((size) => chip(row, size))), files: ["missing_sizes", "sizes_in_stock"],
    csv: (row) => [true, false].map((missing) => row.sizes.filter((s) => (s.status === "stockout") === missing).map((s) => s.size).join(" ")) },
  { name: "missing_daily_units", title: "Missed a day", right: true, show: (row) => format.decimal(row.missing_daily_units, 2) },
];

export const sizeRuns = () => new Listing({
  title: "Broken size runs", name: "size_run", note: "Units a day that the missing sizes used to sell.",
  path: "/v1/inventory/size-runs", file: "broken-size-runs", columns: COLUMNS,
  empty: ["No broken size runs", "Where a branch has one size of a style, it has them all."],
});
