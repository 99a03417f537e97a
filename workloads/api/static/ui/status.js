// How fresh everything is: the live stream, the newest event, the published reports; always in the page's head.

import { get } from "../core/api.js";
import { announce, fill, h } from "../core/dom.js";
import * as format from "../core/format.js";
import { follow } from "../core/live.js";

const LOOK = 15_000;

export class Status {
  /** `changed(items)` and `resync(again)` come from the stream (its first event is no news to a page just read), `published()` when newer reports than those of `seen` are there. */
  constructor(root, { seen, changed, resync, published }) {
    this.root = root;
    this.published = published;
    this.seen = seen;
    this.freshness = null;
    this.stream = "connecting";
    this.listeners = new Set();
    this.stopping = new AbortController();
    this.timer = setInterval(() => this.look(), LOOK);
    follow({
      signal: this.stopping.signal,
      state: (state) => this.turn(state),
      resync: () => { this.look(); resync(this.synced === true); this.synced = true; },
      changed: (items) => changed(items),
      fresh: (freshness) => this.take(freshness),
    });
    this.draw();
  }

  stop() {
    this.stopping.abort();
    clearInterval(this.timer);
  }

  turn(state) {
    if (state === this.stream) return;
    if (state === "lost") announce("The live connection is lost; it is being made again.");
    if (state === "live" && this.stream === "lost") announce("The live connection is back.");
    this.stream = state;
    this.draw();
  }

  /** Ask how fresh things are: the stream tells it with each change, but not that a run has published. */
  async look() {
    try {
      this.take(await get("/v1/freshness", {}, { signal: this.stopping.signal }));
    } catch (error) {
      if (error.name !== "AbortError") this.draw();
    }
  }

  take(freshness) {
    if (this.freshness && Date.parse(freshness.as_of) < Date.parse(this.freshness.as_of)) return;
    this.freshness = freshness;
    if (this.seen !== freshness.reports.published_at) {
      this.seen = freshness.reports.published_at;
      this.published();
    }
    this.listeners.forEach((listener) => listener(freshness));
    this.draw();
  }

  draw() {
    const words = { live: "Live", lost: "Reconnecting", connecting: "Connecting" };
    const newest = lastEvent(this.freshness);
    const reports = this.freshness?.reports;
    fill(this.root,
      h("span", { class: `dot ${this.stream}` }, words[this.stream]),
      newest ? h("span", { title: "event_time of the newest accepted event; now, where a till's clock is ahead" }, "Last event ", h("time", { datetime: newest }, format.when(newest))) : null,
      reports ? h("a", { href: "?view=quality", "data-nav": true, "data-key": "reports", class: reports.stale_since ? "stale" : null },
        reports.stale_since ? ["Reports stale since ", h("time", { datetime: reports.stale_since }, format.when(reports.stale_since))]
          : reports.published_at ? ["Reports of ", h("time", { datetime: reports.published_at }, format.when(reports.published_at))]
            : "No reports yet") : null);
  }
}

/** When the newest event was. A till's clock may be minutes ahead: nothing has happened later than now. */
function lastEvent(freshness) {
  const times = (freshness?.items ?? []).map((item) => item.last_event_time).filter(Boolean);
  return times.length ? new Date(Math.min(Math.max(...times.map(Date.parse)), Date.parse(freshness.as_of))).toISOString() : null;
}

/** Why the reports are stale, above the figures that are; nothing while they are not. */
export function staleNotice(freshness, link = true) {
  const reports = freshness?.reports;
  if (!reports?.stale_since) return null;
  const cause = { stopped: "A quality check stopped the last run.", failed: "The last run failed.", incomplete: "The last run did not finish." }[reports.last_run_state] ?? "";
  return h("div", { class: "notice", role: "status" },
    h("p", {}, h("strong", {}, `These reports are stale since ${format.dateTime(reports.stale_since)}. `), `${cause} What was good before is still shown. `,
      link ? h("a", { href: "?view=quality", "data-nav": true }, "See the checks") : null));
}
