// How far the figures can be trusted: how fresh each source is, what the last checks found, whether reports are stale.

import { get } from "../core/api.js";
import { announce, h } from "../core/dom.js";
import * as format from "../core/format.js";
import { grid } from "../ui/grid.js";
import { Panel, nothing } from "../ui/panel.js";
import { staleNotice } from "../ui/status.js";
import { csvButton, table } from "../ui/table.js";
import { tile, tiles } from "../ui/tiles.js";

const CHECKS = [
  { name: "check_name", title: "Check", head: true, show: (row) => [row.description, h("span", { class: "sub code" }, row.check_name)] },
  { name: "table_name", title: "Table", spare: true, show: (row) => h("span", { class: "code" }, row.table_name) },
  { name: "severity", title: "If it fails", spare: true, show: (row) => (row.severity === "error" ? "stops publication" : "is reported") },
  { name: "status", title: "Result", show: (row) => h("span", { class: `status ${row.status === "pass" ? "ok" : row.severity === "error" ? "stockout" : "low"}` }, row.status === "pass" ? "Passed" : row.severity === "error" ? "Failed" : "Warning") },
  { name: "failures", title: "Rows", right: true, show: (row) => format.count(row.failures) },
  ...["description", "sample", "checked_at"].map((name) => ({ name, hidden: true })),
];

const FAULTS = [
  { name: "check", title: "Broken rule", head: true, show: (row) => [row.description, h("span", { class: "sub code" }, `${row.check}, fault ${row.id}`)] },
  { name: "where", title: "Where", show: (row) => h("span", { class: "code" }, row.where) },
  { name: "first_seen", title: "First seen", show: (row) => format.dateTime(row.first_seen) },
  { name: "last_seen", title: "Last seen", spare: true, show: (row) => format.dateTime(row.last_seen) },
  { name: "rows", title: "Rows then", right: true, show: (row) => format.count(row.rows) },
  { name: "severity", title: "Meanwhile", show: (row) => h("span", { class: `status ${row.severity === "error" && !row.waived_until ? "stockout" : "low"}` },
    row.waived_until ? `Waived until ${row.waived_until}` : row.severity === "error" ? "Stops publication" : "Is reported") },
  ...["id", "waived_until", "waived_reason", "sample", "description"].map((name) => ({ name, hidden: true })),
];

const FAULTS_AT_FIRST = 20; // a file of last year's sales may bring hundreds

const SOURCES = [
  { name: "source", title: "Source", head: true, show: (row) => format.words(row.source) },
  { name: "last_event_time", title: "Last event", show: (row) => format.when(row.last_event_time) },
  { name: "last_publish_time", hidden: true },
  { name: "last_recorded_at", title: "Counted", show: (row) => format.when(row.last_recorded_at) },
  { name: "delay_seconds", title: "Delay", right: true, show: (row) => (row.delay_seconds === null ? format.NONE : format.seconds(row.delay_seconds)) },
];
const RUN = { succeeded: "Succeeded", stopped: "Stopped by a check", failed: "Failed", incomplete: "Not finished", running: "Running" };

export function quality(context, status) {
  const panels = {
    reports: new Panel({ title: "Published reports" }),
    sources: new Panel({ title: "Live inventory", note: "The newest event of each stream, and how long it took from Pub/Sub to the shelf." }),
    faults: new Panel({ title: "Open faults", note: "What a check found, and no run since has found mended." }),
    checks: new Panel({ title: "Checks of the last run" }),
  };
  let [drawn, latest, everyFault] = [null, null, false];

  /** Both panels have the numbers of one answer; the stream makes it new. */
  async function load(freshness) {
    latest = freshness;
    panels.reports.load(async () => reports(latest ?? await get("/v1/freshness")));
    panels.sources.load(async () => {
      const { items } = latest ?? await get("/v1/freshness");
      panels.sources.tools.replaceChildren(csvButton({ name: "freshness", columns: SOURCES, rows: async () => items }));
      return table({ caption: "How fresh each source is", columns: SOURCES.filter((column) => !column.hidden), rows: items });
    });
  }
  /** Both panels have the rows of one answer. */
  const checks = () => {
    const answer = get("/v1/quality");
    answer.catch(() => {}); // each panel says it
    openFaults(answer);
    listed(answer);
  };
  const openFaults = (answer) => panels.faults.load(async () => {
    const { faults } = await answer;
    panels.faults.tools.replaceChildren(csvButton({ name: "quality-faults", columns: FAULTS, rows: async () => faults }));
    if (!faults.length) return nothing("No fault stands", "Whatever checks have found is mended.");
    const shown = everyFault ? faults : faults.slice(0, FAULTS_AT_FIRST);
    return [table({ caption: "Faults that stand, those that stop publication first", columns: FAULTS.filter((column) => !column.hidden), rows: shown }),
      shown.length < faults.length ? h("button", { type: "button", class: "more", "data-key": "more", on: { click: () => showEveryFault(answer) } }, `Show all ${format.count(faults.length)}`) : null];
  });
  const showEveryFault = (answer) => {
    everyFault = true;
    announce("All faults are shown");
    openFaults(answer);
  };
  const listed = (answer) => panels.checks.load(async () => {
    const { items } = await answer;
    panels.checks.tools.replaceChildren(csvButton({ name: "quality-checks", columns: CHECKS, rows: async () => items }));
    return items.length ? [verdict(items), ...samples(items), table({ caption: "Quality checks, failures first", columns: CHECKS.filter((column) => !column.hidden), rows: items })]
      : nothing("No checks have run yet", "The pipeline runs them before it publishes: uv run fastyle pipeline run.");
  });
  const hear = (freshness) => load(freshness);
  status.listeners.add(hear);
  return {
    root: h("div", { class: "stack" }, grid([panels.reports], [panels.sources]), panels.faults.root, panels.checks.root),
    update() {
      if (drawn) return;
      drawn = true;
      load(status.freshness);
      checks();
    },
    published: checks,
    stop: () => status.listeners.delete(hear),
  };
}

function reports(freshness) {
  const { published_at, as_of, last_run_state, last_run_error, stale_since } = freshness.reports;
  return [
    staleNotice(freshness, false),
    tiles("Published reports", [
      tile({ name: "published", title: "Published", value: format.when(published_at) }),
      tile({ name: "as_of", title: "With events until", value: format.when(as_of) }),
      tile({ name: "run", title: "Last run", value: RUN[last_run_state] ?? "None yet", mark: stale_since ? "stockout" : null, detail: last_run_error }),
    ]),
  ];
}

function verdict(items) {
  const failed = items.filter((item) => item.status === "fail");
  const stopping = failed.filter((item) => item.severity === "error").length;
  const words = failed.length === 0 ? "All checks passed." : stopping ? `${stopping} failed and stopped publication; ${failed.length - stopping} warned.` : `${failed.length} warned, none stopped publication.`;
  return h("p", { class: "note" }, `${words} Checked ${format.dateTime(items[0].checked_at)}.`);
}

const samples = (items) => items.filter((item) => item.status === "fail" && item.sample).map((item) =>
  h("details", { class: "sample" }, h("summary", {}, `First rows of “${item.description}”`), h("pre", {}, item.sample)));
