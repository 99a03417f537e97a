// Figures as people read them. Amounts stay decimal strings: Intl formats these exactly, no float touches them.

// Of the stack: `/v1/context` says them before any figure is shown.
let locale;
let currency;
let timeZone;
const formats = new Map();

export function configure(context) {
  ({ locale, currency, timezone: timeZone } = context);
  formats.clear();
}

function number(options) {
  const key = JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new Intl.NumberFormat(locale, options));
  return formats.get(key);
}

export const NONE = "–";
const or = (value, format) => (value === null || value === undefined ? NONE : format(value));

export const count = (value) => or(value, (v) => number({}).format(v));
export const signed = (value) => or(value, (v) => number({ signDisplay: "exceptZero" }).format(v));
/** `"1204.5"` -> `$1,204.50` in the United States, `1.204,50 €` in Germany */
export const money = (value) => or(value, (v) => number({ style: "currency", currency }).format(v));
/** `"289540.01"` -> `$289.5K`, for axes */
export const shortMoney = (value, digits = 0) => number({ style: "currency", currency, notation: "compact", maximumFractionDigits: digits + 1, minimumFractionDigits: 0 }).format(value);
/** `"0.0474"` -> `4.7%` */
export const percent = (value, digits = 1) => or(value, (v) => number({ style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits }).format(v));
/** Beyond eleven times what it was, a share of a base next to nothing says nothing. */
export const change = (value) => or(value, (v) => Number(v) > 10 ? "new" : number({ style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1, signDisplay: "exceptZero" }).format(v));
/** A difference of two shares, in percentage points: `"0.0123"` -> `+1.2 pp` */
export const points = (value) => or(value, (v) => `${number({ style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1, signDisplay: "exceptZero" }).format(v).replace(/[\s%]/g, "")} pp`);
export const decimal = (value, digits = 1) => or(value, (v) => number({ minimumFractionDigits: digits, maximumFractionDigits: digits }).format(v));
export const days = (value) => or(value, (v) => `${decimal(v, Math.abs(Number(v)) < 10 ? 1 : 0)} d`);

export const seconds = (value) => or(value, (v) => (v < 120 ? `${decimal(v, 2)} s` : v < 7200 ? `${decimal(v / 60, 0)} min` : `${decimal(v / 3600, 0)} h`));

const moment = (options) => new Intl.DateTimeFormat(locale, options);
export const dateTime = (value) => or(value, (v) => moment({ timeZone, dateStyle: "medium", timeStyle: "medium" }).format(new Date(v)));
/** A time with its date, for no screen says of which day it is; with the year where it is another. */
export const when = (value) => or(value, (v) => moment({ timeZone, ...(year(v) === year(Date.now()) ? {} : { year: "numeric" }), month: "short", day: "numeric", hour: "numeric", minute: "2-digit" }).format(new Date(v)));
const year = (value) => moment({ timeZone, year: "numeric" }).format(new Date(value));
/** A business date, which has no time zone any more: `2026-11-24` -> `Nov 24, 2026` */
export const day = (value) => or(value, (v) => moment({ timeZone: "UTC", dateStyle: "medium" }).format(new Date(`${v}T00:00Z`)));
export const shortDay = (value) => or(value, (v) => moment({ timeZone: "UTC", month: "short", day: "numeric" }).format(new Date(`${v}T00:00Z`)));
export const month = (value) => or(value, (v) => moment({ timeZone: "UTC", month: "short", year: "numeric" }).format(new Date(`${v}T00:00Z`)));
export const span = (dates) => (dates.first === dates.last ? day(dates.first) : `${day(dates.first)} – ${day(dates.last)}`);

/** `customer_type` -> `Customer type` */
export const words = (name) => (name ? name[0].toUpperCase() + name.slice(1).replaceAll("_", " ") : NONE);
export const zone = () => timeZone.replaceAll("_", " ");
