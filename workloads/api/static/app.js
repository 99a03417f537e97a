// The page: sign in where a token is wanted, then the view that the address names.

import { get, onRefused } from "./core/api.js";
import { announce, fill, h } from "./core/dom.js";
import * as format from "./core/format.js";
import * as session from "./core/session.js";
import * as url from "./core/url.js";
import { definitions, configure as configureHelp } from "./ui/help.js";
import { Status } from "./ui/status.js";
import { inventory } from "./views/inventory.js";
import { margin } from "./views/margin.js";
import { quality } from "./views/quality.js";
import { sales } from "./views/sales.js";
import { signIn } from "./views/signin.js";

const VIEWS = { inventory: ["Inventory", inventory], sales: ["Sales", sales], margin: ["Margin", margin], quality: ["Data quality", quality] };
const main = document.getElementById("main");
const nav = document.getElementById("views");

let status = null;
let shown = null; // { name, view } on screen
let known = null; // the context of the figures
let listening = null;

const named = (state) => (Object.hasOwn(VIEWS, state.view) ? state.view : "inventory");

async function start() {
  session.takeFromAddress();
  fill(main, h("div", { class: "loading", role: "status" }, "Loading…"));
  let context;
  try {
    context = await get("/v1/context");
  } catch (error) {
    if (error.status === 401 || error.status === 403) return askForToken(error.status);
    fill(main, h("div", { class: "failed page" }, h("h1", {}, "The figures cannot be read"), h("p", {}, error.message),
      h("button", { type: "button", on: { click: start } }, "Try again")));
    return setTimeout(() => main.querySelector(".failed.page") && start(), 5000);
  }
  format.configure(context);
  configureHelp(context);
  onRefused(askForToken);
  status?.stop();
  shown?.view.stop?.();
  shown = null;
  status = new Status(document.getElementById("fresh"), {
    seen: context.published_at,
    changed: (items) => shown?.view.changed?.(items),
    resync: (again) => shown?.view.resync?.(again),
    published: async () => {
      known = await get("/v1/context");
      shown?.view.published?.(known);
    },
  });
  fill(document.getElementById("foot"), footer());
  known = context;
  show(known, url.current());
  listening ??= url.onChange((state) => status && show(known, state));
}

function show(context, state) {
  const name = named(state);
  const [title] = VIEWS[name];
  document.title = `${title} · ${context.brand}`;
  fill(nav, Object.entries(VIEWS).map(([key, [text]]) =>
    h("a", { href: key === "inventory" ? "?" : `?view=${key}`, "data-nav": true, "data-key": key, "aria-current": key === name ? "page" : null }, text)));
  if (shown?.name !== name) {
    shown?.view.stop?.();
    const view = VIEWS[name][1](context, status);
    const first = shown === null;
    shown = { name, view };
    fill(main, h("h1", { class: "unseen" }, title), view.root);
    if (!first) announce(title);
    scrollTo(0, 0);
  }
  shown.view.update(state);
}

function askForToken(code) {
  if (main.querySelector("form.sign-in")) return;
  const tried = session.token() !== null;
  session.forget();
  status?.stop();
  status = shown = null;
  document.getElementById("fresh").replaceChildren();
  nav.replaceChildren();
  fill(main, signIn({ code, tried, enter: (token) => { session.keep(token); location.reload(); } }));
}

function footer() {
  return [
    h("details", {}, h("summary", {}, "How each figure is defined"),
      h("dl", { class: "glossary" }, definitions().map(([title, text]) => h("div", {}, h("dt", {}, title), h("dd", {}, text))))),
    h("p", {}, `Business dates and times are of ${format.zone()}. Weeks start on Monday.`),
  ];
}

url.start();
// A link with a token, followed in a tab that is open already, changes nothing but the fragment.
addEventListener("hashchange", () => location.hash.startsWith("#token=") && start());
start();
