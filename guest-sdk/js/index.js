// The SDK, without dependencies. It calls the host by the imports of the contract (`wit/`) and makes the exports that the
// host calls.
//
// In the tools that make components of JavaScript, an uncaught exception is a trap: its message is lost, and the
// instance with it. So every function that the host calls goes through `run`, which catches all of them.

import * as context from "saggar:task/context@0.1.0";
import * as progress from "saggar:task/progress@0.1.0";
import * as logging from "saggar:task/log@0.1.0";
import * as queue from "saggar:task/tasks@0.1.0";
import * as store from "saggar:task/kv@0.1.0";
import * as web from "saggar:task/http@0.1.0";

import { decode, encode, text } from "./text.js";

/** The running call: its role, and how many jobs it has added. `null` between calls. */
let call = null;

// Errors

/** An error with a code for programs: what the host's functions throw. */
export class Problem extends Error {
  constructor(code, message, { details, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.details = details;
  }
}
Problem.prototype.name = "Problem";

/** No attempt can succeed: the job ends as FAILURE now. */
export class Reject extends Problem {}
Reject.prototype.name = "Reject";

/** Another attempt may succeed, after the task's `attempt_after`. */
export class Retry extends Problem {}
Retry.prototype.name = "Retry";

/** Another attempt may succeed, after this many milliseconds. */
export class RetryAfter extends Problem {
  constructor(afterMs, code, message, options) {
    super(code, message, options);
    this.afterMs = wholeNumber("afterMs", afterMs);
  }
}
RetryAfter.prototype.name = "RetryAfter";

const KEBAB_CASE = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const MAX_CODE = 64;
const MAX_CAUSES = 10;

/** The contract's problem for whatever was thrown. */
function toProblem(thrown) {
  if (thrown instanceof Problem) {
    const { code, message, details } = thrown;
    return { code: text(code), message: text(message), details: toDetails(details) };
  }
  if (!(thrown instanceof Error)) {
    const message = `the function threw ${inspect(thrown)}, which is not an Error, so its place is unknown`;
    return { code: "exception", message: text(message), details: null };
  }
  const { code, stack } = thrown;
  const isCode = typeof code === "string" && code.length <= MAX_CODE && KEBAB_CASE.test(code);
  const details = stack === undefined ? null : toDetails({ stack: text(stack) });
  return { code: isCode ? code : "exception", message: text(withCauses(thrown)), details };
}

function withCauses(error) {
  let message = `${error.name}: ${error.message}`;
  let { cause } = error;
  for (let count = 0; cause instanceof Error && count < MAX_CAUSES; count += 1) {
    message += `: ${cause.message}`;
    ({ cause } = cause);
  }
  return message;
}

/** Details only supplement the message, so those that cannot be serialized are dropped. */
function toDetails(details) {
  try {
    return JSON.stringify(details) ?? null;
  } catch { return null; }
}

function toFailure(thrown) {
  const problem = toProblem(thrown);
  if (thrown instanceof Reject) return { tag: "reject", val: problem };
  if (thrown instanceof RetryAfter) return { tag: "retry-after", val: [problem, thrown.afterMs] };
  return { tag: "retry", val: problem };
}

/** Calls a function of the host, whose errors arrive as the `payload` of an exception. */
function ask(request) {
  try {
    return request();
  } catch (error) {
    const problem = error?.payload;
    if (typeof problem?.code !== "string") throw error;
    throw new Problem(problem.code, problem.message, { details: optional(problem.details) });
  }
}

// Values

function wholeNumber(name, value) {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new RangeError(`${name} is not a whole number from 0 to 2^53 - 1: ${inspect(value)}`);
}

/** A u64 as a number. componentize-qjs gives values from 2^63 as negative numbers. */
function approximate(value) {
  const number = Number(value);
  return number < 0 ? number + 2 ** 64 : number;
}

/** An id from the host: the tools round ids above 2^53, so that two ids become one. */
function idFromHost(id) {
  const number = Number(id);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw new Reject("id-too-large", "the job's id is above 2^53 - 1, which a JavaScript number cannot hold exactly");
}

function idToHost(id) {
  const number = typeof id === "bigint" ? Number(id) : id;
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw new Reject("id-too-large", `a job's id is a whole number from 0 to 2^53 - 1, got ${inspect(id)}`);
}

function toJson(Kind, code, value) {
  try {
    return JSON.stringify(value);
  } catch (error) {
    throw new Kind(code, `not writable as JSON: ${error.message}`, { cause: error });
  }
}

function toResponse(value) {
  const json = value === undefined ? "null" : toJson(Reject, "invalid-response", value);
  if (json === undefined) throw new Reject("invalid-response", `the result is a ${typeof value}, which JSON does not have`);
  return json;
}

// Logging

function write(level, values) {
  logging.write(level, text(values.map((value) => (typeof value === "string" ? value : inspect(value))).join(" ")));
}

/** The job's own log. Values that are not strings are shown as `console` shows them. */
export const log = Object.freeze({
  debug: (...values) => write("debug", values),
  info: (...values) => write("info", values),
  warn: (...values) => write("warn", values),
  error: (...values) => write("error", values),
});

function inspect(value) {
  if (value instanceof Error) return value.stack?.includes(value.message) ? value.stack : `${value}\n${value.stack ?? ""}`;
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return `[Function ${value.name}]`;
  if (typeof value !== "object") return String(value);
  try {
    return JSON.stringify(value, plain) ?? String(value);
  } catch (error) {
    return `[${Object.prototype.toString.call(value)}: ${error.message}]`;
  }
}

function plain(_key, value) {
  if (value instanceof Map || value instanceof Set) return [...value];
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  return typeof value === "bigint" ? `${value}n` : value;
}

/** Lines from the module's top level, which runs while the component is built: written in the instance's first call. */
const early = [];
const MAX_EARLY = 100;

function replaceConsole() {
  const outer = globalThis.console;
  const to = (level, name) => (...values) => {
    if (call) write(level, values);
    else if (outer) outer[name](...values);
    else if (early.length < MAX_EARLY) early.push([level, values]);
  };
  const methods = { debug: to("debug", "debug"), log: to("info", "log"), info: to("info", "info"), dir: to("info", "dir") };
  Object.assign(methods, { warn: to("warn", "warn"), error: to("error", "error"), trace: to("debug", "trace") });
  methods.assert = (condition, ...values) => condition || methods.error("Assertion failed", ...values);
  globalThis.console = Object.assign(Object.create(outer ?? null), methods);
}
replaceConsole();

// Random numbers

/** Whether this instance has its own random numbers. */
let seeded = false;

/**
 * A component is a snapshot, and the generator's state is part of it: without this, all instances would return the same
 * numbers. Not for secrets.
 */
function seedRandom() {
  if (globalThis.process?.versions?.node) return;
  const words = new Uint32Array(4);
  if (globalThis.crypto?.getRandomValues) globalThis.crypto.getRandomValues(words);
  else words.set([Date.now(), globalThis.performance ? performance.now() * 1e6 : 0, Number(context.id()), context.attempt()]);
  let [a, b, c, d] = words;
  // sfc32, whose first numbers depend too little on the seed.
  const next = () => {
    const sum = (a + b + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return sum >>> 0;
  };
  for (let round = 0; round < 16; round += 1) next();
  Math.random = () => (next() * 2 ** 21 + (next() >>> 11)) / 2 ** 53;
}

// The job and its tasks

class Job {
  #id;
  constructor(id) { this.#id = id; }
  get id() { return idFromHost(this.#id); }
  get task() { return context.task(); }
  get attempt() { return context.attempt(); }
  get maxAttempts() { return context.maxAttempts(); }
  get isCancelled() { return context.isCancelled(); }
  get traceParent() { return context.traceParent() ?? null; }
  get remainingMs() {
    const remaining = context.remainingMs();
    return remaining == null ? null : approximate(remaining);
  }
  progress(current, total, message = "") {
    progress.report(wholeNumber("current", current), wholeNumber("total", total), text(message));
  }
}

/** The key of the next job that the call adds: its position, which is the same each time the call is repeated. */
function nextKey() {
  if (!call?.role) return null;
  const number = call.adds;
  call.adds += 1;
  return { key: `${context.task()}/${idFromHost(context.id())}/${call.role}/${number}`, number };
}

const OPTIONS = { unique: "unique", priority: "priority", delayMs: "delay_ms", runAt: "run_at" };

function addWith(task, args, options = {}) {
  // Each add counts as a position, even if it does not use the position's key.
  const derived = nextKey();
  const members = {};
  const key = options.key === undefined ? derived?.key : options.key;
  if (key != null) members.key = key;
  for (const [name, value] of Object.entries(options)) {
    if (name === "key" || value === undefined) continue;
    if (!Object.hasOwn(OPTIONS, name)) {
      const known = ["key", ...Object.keys(OPTIONS)].join(", ");
      throw new Problem("invalid-options", `unknown option \`${name}\`; known: ${known}`);
    }
    members[OPTIONS[name]] = value;
  }
  const isDerived = derived && key === derived.key;
  const [argsJson, optionsJson] = [toJson(Problem, "invalid-args", [...args]), toJson(Problem, "invalid-options", members)];
  try {
    return idFromHost(ask(() => queue.addWith(text(task), argsJson, optionsJson)));
  } catch (error) {
    if (!isDerived || error.code !== "key-reused") throw error;
    throw new Problem("key-reused", reused(derived.number, error.message), { cause: error });
  }
}

function reused(number, message) {
  return (
    `job number ${number} (from 0) that this call adds differs from the one that the same call added before: add the ` +
    `same jobs in the same order each time, or give the job its own key or none (\`key\` of tasks.addWith); ${message}`
  );
}

/** The tenant's own tasks. Every function throws a `Problem`. */
export const tasks = Object.freeze({
  add: (task, ...args) => addWith(task, args),
  addLater: (task, delayMs, ...args) => addWith(task, args, { delayMs: wholeNumber("delayMs", delayMs) }),
  addWith,
  get(task, id) {
    const job = ask(() => queue.get(text(task), idToHost(id)));
    const [current, total] = [approximate(job.current), approximate(job.total)];
    return { ...job, id: idFromHost(job.id), current, total, response: optional(job.response) };
  },
  cancel: (task, id) => void ask(() => queue.cancel(text(task), idToHost(id))),
});

// The key-value store

/** Text of bytes. Throws if they are not UTF-8. */
function decodeExactly(bytes) {
  if (globalThis.TextDecoder) return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  let characters = "";
  for (const byte of bytes) characters += String.fromCharCode(byte);
  return decodeURIComponent(escape(characters));
}

function fromValue(key, bytes) {
  try {
    return JSON.parse(decodeExactly(bytes));
  } catch (error) {
    throw new Problem("invalid-value", `the value of the key \`${key}\` is not JSON: ${error.message}`, { cause: error });
  }
}

function toValue(key, value) {
  const json = toJson(Problem, "invalid-value", value);
  if (json !== undefined) return encode(json);
  throw new Problem("invalid-value", `the value of the key \`${key}\` is a ${typeof value}, which JSON does not have`);
}

const ttl = ({ ttlMs } = {}) => (ttlMs == null ? null : wholeNumber("ttlMs", ttlMs));
const toVersion = (version) => (version == null ? null : wholeNumber("version", version));

/** A number from the host that must be exact. */
function exact(value) {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new Problem("number-too-large", `${value} is beyond 2^53 - 1, which a JavaScript number cannot hold exactly`);
}

function found(key) {
  const entry = ask(() => store.get(text(key)));
  if (entry == null) return undefined;
  const { value, version, expiresInMs } = entry;
  return { value, version: exact(version), expiresInMs: expiresInMs == null ? null : approximate(expiresInMs) };
}

function swapBytes(key, version, bytes, options) {
  const [expected, time] = [toVersion(version), ttl(options)];
  const swapped = ask(() => store.compareAndSwap(text(key), expected, bytes, time));
  return swapped == null ? null : exact(swapped);
}

/** Whether the guest was built with componentize-js, which aborts it if it passes a negative number (ComponentizeJS#343). */
const abortsAtNegativeNumbers = () => Boolean(globalThis.TextDecoder && !globalThis.process?.versions?.node);

/** What `increment` of the host does, without passing the number to it. */
function addBySwapping(key, by, ttlMs) {
  for (;;) {
    const entry = found(key);
    const number = entry === undefined ? "0" : decode(entry.value);
    if (!/^(0|-?[1-9][0-9]*)$/.test(number)) {
      throw new Problem("not-a-number", `the value of the key \`${key}\` is not a whole number`);
    }
    const sum = exact(exact(number) + by);
    if (swapBytes(key, entry?.version, encode(String(sum)), { ttlMs: entry ? entry.expiresInMs : ttlMs }) !== null) return sum;
  }
}

/** The tenant's key-value store. Values are JSON. Every function throws a `Problem`. */
export const kv = Object.freeze({
  get: (key) => kv.entry(key)?.value,
  entry(key) {
    const entry = found(key);
    return entry && { ...entry, value: fromValue(key, entry.value) };
  },
  getBytes: (key) => found(key),
  set: (key, value, options) => kv.setBytes(key, toValue(key, value), options),
  setBytes(key, bytes, options) {
    const time = ttl(options);
    return exact(ask(() => store.set(text(key), bytes, time)));
  },
  swap: (key, version, value, options) => swapBytes(key, version, toValue(key, value), options),
  update(key, change, options) {
    for (;;) {
      const entry = kv.entry(key);
      const value = change(entry?.value);
      if (kv.swap(key, entry?.version, value, options) !== null) return value;
    }
  },
  increment(key, by = 1, options = {}) {
    const [change, time] = [exact(by), ttl(options)];
    if (change < 0 && abortsAtNegativeNumbers()) return addBySwapping(key, change, time);
    return exact(ask(() => store.increment(text(key), change, time)));
  },
  remove(key, { version } = {}) {
    const expected = toVersion(version);
    return ask(() => store.remove(text(key), expected));
  },
  keys(prefix = "") {
    const keys = [];
    for (let after; ; ) {
      const page = kv.page(prefix, { after });
      keys.push(...page.keys);
      if (page.next === null) return keys;
      after = page.next;
    }
  },
  page(prefix = "", { after, limit = 1000 } = {}) {
    const { keys, next } = ask(() => store.keys(text(prefix), after == null ? null : text(after), wholeNumber("limit", limit)));
    return { keys, next: next ?? null };
  },
});

// Requests over HTTP

const RETRIED = [408, 425, 429];

/** A response, whatever its status is. */
class Response {
  constructor(status, headers, body) {
    Object.assign(this, { status, headers, body });
  }
  header(name) {
    return this.headers.find(([other]) => other.toLowerCase() === name.toLowerCase())?.[1] ?? null;
  }
  text() {
    return decode(this.body);
  }
  json() {
    try {
      return JSON.parse(this.text());
    } catch (error) {
      throw new Problem("invalid-response", `the response is not JSON: ${error.message}`, { cause: error });
    }
  }
  success() {
    const { status } = this;
    if (status >= 200 && status < 300) return this;
    const [code, message, options] = ["http-status", `the server answered with the status ${status}`, { details: { status } }];
    if (!RETRIED.includes(status) && status < 500) throw new Reject(code, message, options);
    const after = this.header("retry-after")?.trim() ?? "";
    if (/^\d{1,9}$/.test(after)) throw new RetryAfter(Number(after) * 1000, code, message, options);
    throw new Retry(code, message, options);
  }
}

const REQUEST_OPTIONS = ["headers", "body", "json", "timeoutMs"];

function send(method, url, options = {}) {
  const unknown = Object.keys(options).find((name) => !REQUEST_OPTIONS.includes(name));
  if (unknown) throw new Problem("invalid-request", `unknown option \`${unknown}\`; known: ${REQUEST_OPTIONS.join(", ")}`);
  const { headers = [], body = "", json, timeoutMs } = options;
  const pairs = (typeof headers[Symbol.iterator] === "function" ? [...headers] : Object.entries(headers)).map(([name, value]) => [text(name), text(value)]);
  let bytes = typeof body === "string" ? encode(body) : new Uint8Array(body);
  if (json !== undefined) {
    const body = toJson(Problem, "invalid-request", json);
    if (body === undefined) throw new Problem("invalid-request", `\`json\` is a ${typeof json}, which JSON does not have`);
    bytes = encode(body);
    pairs.push(["content-type", "application/json"]);
  }
  const limit = timeoutMs === undefined ? null : wholeNumber("timeoutMs", timeoutMs);
  const request = { method: text(method), url: text(url), headers: pairs, body: bytes, timeoutMs: limit };
  const response = ask(() => web.send(request));
  return new Response(response.status, response.headers, new Uint8Array(response.body));
}

/** Requests over HTTP. Every function returns the whole response, and throws a `Problem`. */
export const http = Object.freeze({
  request: send,
  get: (url, options) => send("GET", url, options),
  post: (url, options) => send("POST", url, options),
  put: (url, options) => send("PUT", url, options),
  patch: (url, options) => send("PATCH", url, options),
  delete: (url, options) => send("DELETE", url, options),
});

// The calls of the host

/** Runs a call of the host: `convert` makes the contract's error of whatever is thrown. */
function run(role, convert, body) {
  const fail = (thrown) => {
    call = null;
    throw convert(thrown);
  };
  call = { role, adds: 0 };
  let result;
  try {
    if (!seeded) {
      seeded = true;
      seedRandom();
      for (const [level, values] of early.splice(0)) write(level, values);
    }
    result = body();
    if (typeof result?.then !== "function") {
      call = null;
      return result;
    }
    // componentize-qjs has no event loop in components without the asynchronous ABI.
    if (globalThis.__cqjs) {
      const message = "the function returned a promise, which componentize-qjs cannot await: build with componentize-js";
      throw new Reject("cannot-await", message);
    }
  } catch (thrown) {
    fail(thrown);
  }
  return result.then((value) => ((call = null), value), fail);
}

/** Continues with the value, or with what a promise of it becomes. */
function then(value, next) {
  return typeof value?.then === "function" ? value.then(next) : next(value);
}

function pick(functions) {
  const handler = context.handler() ?? null;
  const named = typeof functions === "function" ? { default: functions } : functions;
  const name = handler ?? "default";
  if (Object.hasOwn(named, name)) return named[name];
  const names = Object.keys(named).filter((name) => name !== "default");
  const known = names.length > 0 ? `; known: ${names.map((name) => `\`#${name}\``).join(", ")}` : "";
  const why =
    handler === null
      ? `no default function; name one in the reference, as in \`plugins.NAME#FUNCTION\``
      : `unknown function \`${handler}\``;
  throw new Reject("unknown-handler", why + known);
}

const done = () => {};
const optional = (json) => (json == null ? undefined : JSON.parse(json));

/** For each role: the export's name, the role in keys of added jobs, and how the host's values become the function's. */
const ROLES = {
  process: {
    name: "processor",
    adds: "process",
    invoke: (run, id, args) => then(run(new Job(id), ...JSON.parse(args)), toResponse),
  },
  next: { name: "idSource", adds: null, invoke: (run) => then(run(), (id) => (id == null ? null : idToHost(id))) },
  onAdd: { name: "addHandler", adds: "add", invoke: (run, id) => then(run(new Job(id)), done) },
  onProgress: {
    name: "progressHandler",
    adds: null,
    invoke: (run, id, current, total, message) =>
      then(run(new Job(id), { current: approximate(current), total: approximate(total), message }), done),
  },
  onSuccess: {
    name: "successHandler",
    adds: "success",
    invoke: (run, id, response) => then(run(new Job(id), JSON.parse(response)), done),
  },
  onError: {
    name: "errorHandler",
    adds: "error",
    invoke: (run, id, { code, message, details }) =>
      then(run(new Job(id), new Problem(code, message, { details: optional(details) })), done),
  },
};

/**
 * Makes the exports of a component: `export const { processor } = plugin({ process(job, …) { … } })`.
 *
 * Each role has a function, or an object with functions by the names after `#` in a task's reference, and optionally
 * one with the name `default`.
 */
export function plugin(roles) {
  const exports = {};
  for (const [role, functions] of Object.entries(roles)) {
    if (!Object.hasOwn(ROLES, role)) throw new TypeError(`unknown role \`${role}\`; known: ${Object.keys(ROLES).join(", ")}`);
    const all = typeof functions === "function" ? [functions] : Object.values(functions ?? {});
    if (all.length === 0 || all.some((one) => typeof one !== "function")) {
      throw new TypeError(`\`${role}\` is neither a function nor an object of functions`);
    }
    const { name, adds, invoke } = ROLES[role];
    const convert = role === "process" ? toFailure : toProblem;
    exports[name] = { [role]: (...values) => run(adds, convert, () => invoke(pick(functions), ...values)) };
  }
  return exports;
}
