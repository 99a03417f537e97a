// The API as promises. One error type, with a message that a reader can act on.

import { token } from "./session.js";

export class ApiError extends Error {
  /** `status` is 0 where no answer came. */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const OWN = "Bearer realm=\"fastyle\""; // names this API, where it checks tokens itself
let refused = () => {};
/** Call `listener` whenever the API wants another credential. */
export const onRefused = (listener) => { refused = listener; };

/** Ask for `path`; parameters that are null, undefined or empty are left out. */
export async function request(path, parameters = {}, options = {}) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, v]) => v !== null && v !== undefined && v !== ""));
  const headers = token() ? { Authorization: `Bearer ${token()}` } : {};
  let answer;
  try {
    answer = await fetch(`${path}${query.size ? `?${query}` : ""}`, { headers, redirect: "manual", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "The API does not answer. It is asked again every few seconds.");
  }
  // Identity-Aware Proxy in front redirects, or answers scripts with 401: cloud.google.com/iap/docs/sessions-howto
  if (answer.type === "opaqueredirect" || (answer.status === 401 && answer.headers.get("WWW-Authenticate") !== OWN)) {
    throw new ApiError(0, "Your sign-in has ended. Reload the page to sign in again.");
  }
  if (answer.status === 403 && !answer.headers.get("Content-Type")?.startsWith("application/json")) {
    throw new ApiError(0, "You have no access to these figures. Ask who runs this stack, then reload the page.");
  }
  if (answer.status === 401 || answer.status === 403) refused(answer.status);
  if (!answer.ok) throw new ApiError(answer.status, await message(answer));
  return answer;
}

export const get = async (path, parameters, options) => (await request(path, parameters, options)).json();

/** Every item of a list, page by page. */
export async function all(path, parameters = {}) {
  const items = [];
  let page_token = null;
  do {
    const page = await get(path, { ...parameters, page_size: 1000, page_token });
    items.push(...page.items);
    page_token = page.next_page_token;
  } while (page_token);
  return items;
}

async function message(answer) {
  try {
    return (await answer.json()).error.message;
  } catch {
    return `The API answered ${answer.status}.`;
  }
}
