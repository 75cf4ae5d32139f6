// One request to the API: the token, the problem documents, how long to wait before the next try, and the host's clock.

import { parse } from "./json.js";
import { session } from "./session.js";

/** Why a request failed. `code` is the API's, or `unreachable` or `unreadable`. */
export class Problem extends Error {
  constructor({ code, detail, status = 0, retryAfter = null, problems = [] }) {
    super(detail);
    this.code = code;
    this.detail = detail;
    this.status = status;
    /** Seconds after which to try again; null if waiting alone cannot help. */
    this.retryAfter = retryAfter;
    this.problems = problems;
  }

  /** Whether the same request may succeed later. */
  get passes() {
    return this.code === "unreachable" || this.retryAfter !== null;
  }
}

/** The host's clock: milliseconds that it is ahead of this machine's. */
export const clock = {
  skew: 0,
  isExact: false,
  now: () => Date.now() + clock.skew,
};

/** Sets the clock by the host's own time, halfway through a request. */
export function setClock(now, sent, received) {
  clock.skew = Date.parse(now) - (sent + received) / 2;
  clock.isExact = true;
}

function readClock(response, received) {
  const date = Date.parse(response.headers.get("date") ?? "");
  // The header has whole seconds, so it corrects only what the host's own time cannot explain.
  if (!Number.isNaN(date) && Math.abs(date + 500 - received - clock.skew) > (clock.isExact ? 1_500 : 0)) {
    clock.skew = date + 500 - received;
  }
}

const listeners = new Set();

/** Calls back with each problem that concerns the session: 401, in any request. */
export function onSignedOut(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Returns the address of a path of the API, whatever path a proxy has put before it. */
export function address(path) {
  return new URL(path, document.baseURI).href.replace(/#.*$/, "");
}

export function headers(more = {}) {
  const all = { ...more };
  if (session.token) all.authorization = `Bearer ${session.token}`;
  if (session.tenant) all["saggar-tenant"] = session.tenant;
  return all;
}

/** Makes a `Problem` of an answer that is none of the expected. */
export async function problemOf(response) {
  const text = await response.text().catch(() => "");
  const retryAfter = Number.parseInt(response.headers.get("retry-after") ?? "", 10);
  const common = { status: response.status, retryAfter: Number.isNaN(retryAfter) ? null : retryAfter };
  try {
    const { code, detail, problems } = parse(text);
    if (typeof code === "string") return new Problem({ code, detail: String(detail), problems: problems ?? [], ...common });
  } catch {
    // A proxy's page, for example.
  }
  const passes = response.status === 502 || response.status === 504;
  const detail = `the answer is ${response.status}, not the host's own`;
  return new Problem({ code: passes ? "unreachable" : "unreadable", detail, ...common });
}

/** Calls back with each problem that concerns the session. */
export function report(problem) {
  if (problem.status === 401) for (const listener of listeners) listener(problem);
}

/**
 * Asks the host.
 * @param {string} path relative to the page, such as `v1/tasks`
 * @param {{method?: string, body?: string, key?: string, signal?: AbortSignal, quiet?: boolean}} options `body` is JSON text
 * @returns {Promise<{data: any, text: string, status: number}>}
 */
export async function ask(path, { method = "GET", body, key, signal, quiet = false } = {}) {
  const { turn } = session;
  const more = body === undefined ? {} : { "content-type": "application/json" };
  if (key) more["idempotency-key"] = key;
  const response = await reach(path, { method, body, headers: headers(more), signal, cache: "no-store" });
  readClock(response, Date.now());
  if (!response.ok) {
    const problem = await problemOf(response);
    if (!quiet && turn === session.turn) report(problem);
    throw problem;
  }
  const text = await response.text();
  if (turn !== session.turn) throw new DOMException("asked for somebody else", "AbortError");
  try {
    return { data: text ? parse(text) : null, text, status: response.status };
  } catch {
    throw new Problem({ code: "unreadable", detail: "the answer is no JSON", status: response.status });
  }
}

/** Sends a request; a connection that fails is a `Problem`, too. */
export async function reach(path, options) {
  try {
    return await fetch(address(path), { credentials: "same-origin", redirect: "error", ...options });
  } catch (error) {
    if (error?.name === "AbortError") throw error;
    throw new Problem({ code: "unreachable", detail: "the host cannot be reached" });
  }
}

/** Whether an error only says that nobody waits for the answer any more. */
export function isAborted(error) {
  return error?.name === "AbortError";
}
