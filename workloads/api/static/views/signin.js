// Where the API checks a token itself: asked for once a tab. Behind IAP this is never seen.

import { h } from "../core/dom.js";

export function signIn({ code, tried, enter }) {
  const wrong = code === 403 ? "This token is limited to some locations; the dashboard needs one for all of them." : "This token was not accepted.";
  const field = h("input", { id: "token", type: "password", autocomplete: "off", spellcheck: "false", required: true, "aria-describedby": "token-help" });
  const form = h("form", { class: "sign-in" },
    h("h1", {}, "Sign in"),
    tried ? h("p", { class: "wrong", role: "alert" }, wrong) : null,
    h("label", { for: "token" }, "Access token"), field,
    h("p", { id: "token-help", class: "note" }, "On this machine ", h("code", {}, "make up"), " prints a link that has it, and ", h("code", {}, ".localcloud/endpoints.json"), " keeps it. It stays in this tab only."),
    h("button", { type: "submit", class: "primary" }, "Show the dashboard"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (field.value.trim()) enter(field.value);
  });
  requestAnimationFrame(() => field.focus());
  return form;
}
