// The bearer token: taken from the address once, kept for this tab alone, never written into a link.

const KEY = "fastyle-token";

/** Take a token from `#token=…` and remove it from the address bar. */
export function takeFromAddress() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const token = fragment.get("token");
  if (token === null) return;
  keep(token);
  history.replaceState(null, "", location.pathname + location.search);
}

export const token = () => sessionStorage.getItem(KEY);
export const keep = (value) => sessionStorage.setItem(KEY, value.trim());
export const forget = () => sessionStorage.removeItem(KEY);
