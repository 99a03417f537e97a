// A titled part of a view that loads by itself and says how that went: loading, nothing there, failed.

import { fill, h } from "../core/dom.js";
import { help } from "./help.js";

const RETRY = 5000; // milliseconds
let serial = 0;

export class Panel {
  /** `name` of the figure that the title explains; `level` of the heading. */
  constructor({ title, name, note, tools = [] }) {
    const id = `panel-${serial++}`;
    this.heading = h("h2", { id }, title);
    this.tools = h("div", { class: "tools" }, tools);
    this.note = h("p", { class: "note" }, note);
    this.body = h("div", { class: "body" });
    this.root = h("section", { class: "panel", "aria-labelledby": id },
      h("div", { class: "panel-head" }, h("div", { class: "panel-title" }, this.heading, help(name)), this.tools), this.note, this.body);
    this.turn = 0;
  }

  /**
   * Show what `work` resolves to: nodes. What was there before stays until then.
   * What passes, such as a database out of reach, is tried again. A later call wins over an earlier one that answers late.
   */
  async load(work) {
    const turn = ++this.turn;
    this.again = work;
    this.failed = false;
    this.body.setAttribute("aria-busy", "true");
    if (!this.body.childElementCount) fill(this.body, h("div", { class: "skeleton" }));
    try {
      const nodes = await work();
      if (turn === this.turn) fill(this.body, nodes);
    } catch (error) {
      if (error.name === "AbortError" || turn !== this.turn) return;
      this.failed = true;
      if (error.status === 0 || error.status >= 500) setTimeout(() => turn === this.turn && this.root.isConnected && this.load(work), RETRY);
      if (error.status === undefined) console.error(error);
      fill(this.body, h("div", { class: "failed" }, h("p", {}, error.status === undefined ? "This part of the page failed." : error.message),
        h("button", { type: "button", "data-key": "again", on: { click: () => this.load(work) } }, "Try again")));
    } finally {
      if (turn === this.turn) this.body.removeAttribute("aria-busy");
    }
  }
}

export const nothing = (title, advice) => h("div", { class: "nothing" }, h("p", {}, h("strong", {}, title)), advice && h("p", {}, advice));
