// Elements without markup strings: what the API says can never become markup.

/** Create an element. `on` has listeners, `vars` custom properties; false, null and undefined attributes are left out. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (name === "vars") for (const [key, v] of Object.entries(value)) element.style.setProperty(key, v);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Replace what is in `parent`; the focus stays on the element with the same `data-key`. */
export function fill(parent, ...children) {
  const active = document.activeElement;
  const key = active && parent.contains(active) ? active.dataset.key : undefined;
  parent.replaceChildren(...children.flat(Infinity).filter(Boolean));
  if (key) parent.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}

/** Text for screen readers alone. */
export const unseen = (text) => h("span", { class: "unseen" }, text);

/** Call `work` at once, then at most every `milliseconds`, and once more if it was asked for in between. */
export function throttled(work, milliseconds) {
  let timer = null;
  let again = false;
  const run = () => {
    again = false;
    timer = setTimeout(() => {
      timer = null;
      if (again) run();
    }, milliseconds);
    work();
  };
  return () => {
    if (timer === null) run();
    else again = true;
  };
}

/** Say something to screen readers once; the newest message replaces the one before. */
export function announce(text) {
  document.getElementById("news").textContent = text;
}
