// What is looked at, as the address says it: a link shows the same, and the back button goes back.

const listeners = [];

/** The address's parameters as a plain object. */
export const current = () => Object.fromEntries(new URLSearchParams(location.search));

/** The address with `changes`; null takes a parameter away. */
function href(changes) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === "") query.delete(name);
    else query.set(name, value);
  }
  return query.size ? `?${query}` : "?";
}

/** Attributes of a link to `changes`: followed here, it changes the address as it then is, even if it was drawn for another. */
export const nav = (changes) => ({ href: href(changes), "data-nav": JSON.stringify(changes) });

export function go(changes) {
  move(href(changes));
}

/** Call `listener` with the parameters whenever the address changes. */
export const onChange = (listener) => listeners.push(listener);

function move(address) {
  if (address === (location.search || "?")) return;
  history.pushState(null, "", location.pathname + (address === "?" ? "" : address));
  changed();
}

const changed = () => listeners.forEach((listener) => listener(current()));

/** Follow links of this page without loading it anew; new tabs and downloads stay the browser's. */
export function start() {
  addEventListener("popstate", changed);
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-nav]");
    if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    if (link.dataset.nav) go(JSON.parse(link.dataset.nav));
    else move(link.getAttribute("href"));
  });
}
