// The two charts that reports are made of: columns over time, and one small line a part.

import { length, shifted, utc } from "../core/dates.js";
import * as format from "../core/format.js";
import { drawing } from "./chart.js";

/** Rows of one comparison, each with whether its period still runs, and with its dates that late data changed. */
export function marked(comparison) {
  const ends = endings(comparison);
  const within = (item) => (day) => day && item.business_date <= day && day < ends.get(item.business_date);
  return comparison.items.map((item) => ({ ...item, running: within(item)(comparison.running), revised: comparison.revised.filter((one) => within(item)(one.business_date)) }));
}

/** Where each period ends: the next one begins. */
function endings(comparison) {
  const starts = [...new Set(comparison.items.map((item) => item.business_date))].sort();
  return new Map(starts.map((start, index) => [start, starts[index + 1] ?? shifted(comparison.current.last, 1)]));
}

/** What a period's name is followed by in a tooltip: that it still runs, that late data changed it. */
export const remarks = (row) => [row.running ? "Today so far is in it" : null, row.revised.length ? "Changed by late data" : null].filter(Boolean);

/**
 * Rows of one comparison with where each period begins, ends and has its middle. What a period is compared with is of
 * complete dates; nothing stands for what was before `since`.
 */
export function placed(comparison, since) {
  const days = length(comparison.current.first, comparison.current.last);
  const ends = endings(comparison);
  return marked(comparison).map((item) => {
    const [x1, x2] = [utc(item.business_date), utc(ends.get(item.business_date))];
    const early = !since || shifted(item.business_date, -days) < since;
    const nothing = () => Object.fromEntries(Object.keys(item.before).map((name) => [name, null]));
    const before = early || !item.compared ? nothing() : item.compared.before;
    return { ...item, before, x1, x2, x: new Date((+x1 + +x2) / 2) };
  });
}

/** Labels under the middle of as many periods as have room for one. */
function labels(Plot, rows, width) {
  const middles = [...new Map(rows.map((row) => [+row.x, row])).values()];
  const monthly = middles.length > 1 && middles.every((row, index) => index === 0 || row.business_date.endsWith("-01"));
  const every = Math.ceil(middles.length / Math.max(2, Math.floor((width - 70) / (monthly ? 76 : 62))));
  const shown = middles.filter((_, index) => index % every === 0);
  const text = new Map(shown.map((row) => [+row.x, (monthly ? format.month : format.shortDay)(row.business_date)]));
  return Plot.axisX(shown.map((row) => row.x), { tickFormat: (x) => text.get(+x), tickSize: 0, tickPadding: 8, label: null });
}

/** Ticks of an axis with as few digits as tell them all apart: at small rates 0.5% and 1% would both read 1%. */
const apart = (show) => (value, _, values = [value]) => {
  const digits = [0, 1, 2, 3, 4, 5].find((n) => new Set(values.map((one) => show(one, n))).size === values.length) ?? 6;
  return show(value, digits);
};

const axes = (Plot, rows, width, { tickFormat, ...y }) => [
  labels(Plot, rows, width),
  Plot.axisY({ ...y, tickFormat: apart(tickFormat), label: null, tickSize: 0, tickPadding: 6 }),
  Plot.gridY({ ...y, stroke: "var(--grid)", strokeOpacity: 1 }),
];
// Without names of their own: they come anew with every move of the pointer.
const tip = { ariaLabel: null, fill: "var(--surface)", stroke: "var(--line-strong)", lineHeight: 1.4, fontSize: 12, textPadding: 10, pathFilter: "none" };

/**
 * Columns, stacked by `value`, and a bar across where the period before stood.
 * `name` is the figure, `order` the values from the bottom, `show(value, digits)` formats the axis, `title(row)` has the
 * words of a total's tooltip. A period that still runs is paler.
 */
export const columns = ({ label, parts, totals, name, order, colours, show, title }) =>
  drawing(label, (Plot, width) => ({
    height: width < 520 ? 240 : 300, marginLeft: 56, marginRight: 8, marginTop: 12, marginBottom: 24,
    x: { type: "utc", domain: [totals[0].x1, totals.at(-1).x2] }, y: { domain: [0, Math.max(1, ...totals.flatMap((t) => [Number(t.current[name]), Number(t.before[name])]))], nice: true },
    color: { domain: order, range: colours },
    marks: [
      ...axes(Plot, totals, width, { ticks: 5, tickFormat: show }),
      Plot.rectY(parts, Plot.stackY({ order }, { x1: "x1", x2: "x2", y: (d) => Number(d.current[name]), fill: "value", fillOpacity: (d) => (d.running ? 0.45 : 1), insetLeft: 1, insetRight: 1 })),
      Plot.ruleY([0], { stroke: "var(--line-strong)" }),
      Plot.ruleY(totals.filter((d) => d.before[name] !== null), { x1: "x1", x2: "x2", y: (d) => Number(d.before[name]), stroke: "var(--before)", strokeWidth: 2, insetLeft: 2, insetRight: 2 }),
      Plot.tip(totals, Plot.pointerX({ x: "x", y: (d) => Math.max(Number(d.current[name]), Number(d.before[name])), title, ...tip })),
    ],
  }));

/** A line of the figure with the period before dashed behind it; periods without a figure are gaps, one that still runs is a ring. */
export const line = ({ label, rows, name, domain, show, title, height = 130, small = true, colour = "var(--series-1)" }) =>
  drawing(label, (Plot, width) => {
    const value = (side) => (d) => (d[side][name] === null ? NaN : Number(d[side][name]));
    return {
      height, marginLeft: small ? 46 : 56, marginRight: 10, marginTop: 12, marginBottom: 24,
      x: { type: "utc", domain: rows.length > 1 ? undefined : [rows[0].x1, rows[0].x2] }, y: { domain, nice: !domain, zero: !domain },
      marks: [
        ...axes(Plot, rows, width, { ticks: small ? 3 : 5, tickFormat: show }),
        Plot.lineY(rows, { x: "x", y: value("before"), stroke: "var(--before)", strokeWidth: 1.5, strokeDasharray: "3 3" }),
        Plot.lineY(rows, { x: "x", y: value("current"), stroke: colour, strokeWidth: 2.25 }),
        rows.filter((row) => row.current[name] !== null).length < 3 ? Plot.dot(rows, { x: "x", y: value("current"), fill: colour, r: 4 }) : null,
        Plot.dot(rows.filter((row) => row.running), { x: "x", y: value("current"), stroke: colour, fill: "var(--surface)", r: 4, strokeWidth: 2 }),
        Plot.dot(rows, Plot.pointerX({ x: "x", y: value("current"), fill: colour, r: 4, ariaLabel: null })),
        Plot.tip(rows, Plot.pointerX({ x: "x", y: value("current"), title, ...tip })),
      ],
    };
  });
