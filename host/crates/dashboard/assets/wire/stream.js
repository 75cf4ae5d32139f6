// Server-sent events over `fetch`, because `EventSource` cannot send a token.

import { headers, isAborted, Problem, problemOf, reach, report } from "./ask.js";
import { EventParser } from "./event-parser.js";
import { parse } from "./json.js";

/** No byte for this long at the start, where the host sends some at once: something between buffers the stream. */
const FIRST_BYTE_MS = 5_000;

/**
 * Reads a stream until it ends. Resolves when the host ends it; rejects with a `Problem` if it is refused or cut, with the code
 * `buffered` if nothing arrives.
 * @param {string} path
 * @param {{signal: AbortSignal, lastId?: string|null, onEvent: (event: {event: string, data: any, id: string|null}) => void,
 *   onOpen?: () => void}} options
 */
export async function stream(path, { signal, lastId = null, onEvent, onOpen }) {
  const more = { accept: "text/event-stream" };
  if (lastId) more["last-event-id"] = lastId;
  const inner = new AbortController();
  const abort = () => inner.abort();
  signal.addEventListener("abort", abort);
  let isBuffered = false;
  const timer = setTimeout(() => {
    isBuffered = true;
    inner.abort();
  }, FIRST_BYTE_MS);
  try {
    signal.throwIfAborted?.();
    const response = await reach(path, { headers: headers(more), signal: inner.signal, cache: "no-store" });
    if (!response.ok) {
      const problem = await problemOf(response);
      report(problem);
      throw problem;
    }
    onOpen?.();
    await read(response.body.getReader(), timer, onEvent);
  } catch (error) {
    if (isBuffered) throw new Problem({ code: "buffered", detail: "nothing arrives over the stream" });
    if (isAborted(error) || error instanceof Problem) throw error;
    throw new Problem({ code: "unreachable", detail: "the connection was cut" });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
    inner.abort();
  }
}

async function read(reader, timer, onEvent) {
  const parser = new EventParser();
  const decoder = new TextDecoder();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    clearTimeout(timer);
    for (const { event, data, id } of parser.push(decoder.decode(value, { stream: true }))) {
      let read;
      try {
        read = parse(data);
      } catch {
        // Not of this API; a newer host may send other kinds.
        continue;
      }
      onEvent({ event, data: read, id });
    }
  }
}

/** Returns how long to wait before the next try: 1, 2, 4 … 30 s with jitter, or what the host asks for. */
export function backoff(tries, retryAfter = null) {
  const seconds = retryAfter ?? Math.min(30, 2 ** tries);
  return seconds * 1_000 * (0.8 + 0.4 * Math.random());
}
