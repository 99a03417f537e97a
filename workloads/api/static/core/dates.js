// Business dates as `YYYY-MM-DD`, and the range that a report is of.

const MS = 86_400_000;
const at = (day) => Date.parse(`${day}T00:00Z`);

export const shifted = (day, by) => new Date(at(day) + by * MS).toISOString().slice(0, 10);
export const length = (first, last) => (at(last) - at(first)) / MS + 1;
/** For a chart's time axis. */
export const utc = (day) => new Date(at(day));

const valid = (day) => /^\d{4}-\d{2}-\d{2}$/.test(day ?? "") && !Number.isNaN(at(day));
const PRESETS = [7, 28, 91, 364];

/** `{from, to, grain}` of the address, else the last 28 published dates; the grain follows the length. */
export function range(state, context) {
  const to = valid(state.to) ? state.to : (context.last_date ?? context.today);
  const from = valid(state.from) && state.from <= to ? state.from : shifted(to, -27);
  const days = length(from, to);
  const grain = ["day", "week", "month"].includes(state.grain) ? state.grain : days <= 62 ? "day" : days <= 200 ? "week" : "month";
  return { from, to, grain };
}

/** [label, changes of the address, is it this one] for ranges that end with the last published date. */
export function presets({ from, to }, context) {
  const last = context.last_date ?? context.today;
  return PRESETS.map((days) => {
    const first = shifted(last, 1 - days);
    return [`${days} days`, days === 28 ? { from: null, to: null } : { from: first, to: last }, from === first && to === last];
  });
}
