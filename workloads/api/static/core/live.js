// Changes of stock as they happen: server-sent events read with fetch, since EventSource cannot carry a token.

import { request } from "./api.js";

const SLOWEST = 30_000;
const LASTING = 2_000;

/**
 * Read the stream for ever, with growing pauses while it cannot be had. The service ends each one after some minutes:
 * one that lasted, and ended without an error, is followed by the next at once.
 * `state` is told "live" or "lost"; `changed` gets the positions, `fresh` the body of `/v1/freshness`; `resync` says that something may have been missed.
 */
export async function follow({ state, changed, fresh, resync, signal }) {
  let pause = 1000;
  while (!signal.aborted) {
    const begun = performance.now();
    try {
      const answer = await request("/v1/inventory/stream", {}, { signal });
      for await (const { name, data } of events(answer.body)) {
        pause = 1000;
        state("live");
        if (name === "inventory") changed(data.items, data.as_of);
        else if (name === "freshness") fresh(data);
        else if (name === "resync") resync();
      }
      if (performance.now() - begun > LASTING) continue;
    } catch (error) {
      if (signal.aborted || error.status === 401 || error.status === 403) return;
    }
    state("lost");
    await new Promise((done) => setTimeout(done, pause));
    pause = Math.min(2 * pause, SLOWEST);
  }
}

async function* events(stream) {
  let buffer = "";
  for await (const chunk of decoded(stream)) {
    buffer += chunk;
    const blocks = buffer.split("\n\n");
    buffer = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: ?(.*)/s, 2)));
      if (fields.event) yield { name: fields.event, data: JSON.parse(fields.data) };
    }
  }
}

async function* decoded(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
