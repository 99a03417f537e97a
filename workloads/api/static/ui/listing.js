// A panel with the first rows of a list of the API, and all of it as a file.

import { all, get } from "../core/api.js";
import { Panel, nothing } from "./panel.js";
import { csvButton, table } from "./table.js";

const SHOWN = 8;

export class Listing {
  /** `path` answers in pages; `file` names the download; `empty` is what an answer without rows means: [title, advice]. */
  constructor({ title, name, note, path, file, columns, empty }) {
    this.shape = { title, path, columns, empty };
    this.where = {};
    this.panel = new Panel({ title, name, note, tools: csvButton({ name: file, columns, rows: () => all(path, this.where) }) });
  }

  load(where) {
    this.where = where;
    return this.reload();
  }

  reload() {
    const { title, path, columns, empty } = this.shape;
    return this.panel.load(async () => {
      const page = await get(path, { ...this.where, page_size: SHOWN });
      return page.items.length ? table({ caption: title, columns, rows: page.items }) : nothing(...empty);
    });
  }
}
