// A fake host for tests in Node: it answers the imports of the contract and records what a plugin does.
//
// Importing this module teaches Node to resolve `saggar:task/…` and `wasi:…`. Node resolves all static imports of a file first, so a
// test imports this module statically, and its plugin by `await import("../src/index.js")`.

import * as nodeModule from "node:module";

import { FakeFiles } from "./testing-files.js";

const HOST = Symbol.for("saggar.guest.testing");

const INTERFACES = {
  context: ["id", "task", "attempt", "maxAttempts", "handler", "remainingMs", "isCancelled", "traceParent"],
  progress: ["report"],
  log: ["write"],
  tasks: ["add", "addLater", "addWith", "get", "cancel"],
  kv: ["get", "set", "compareAndSwap", "increment", "remove", "keys"],
  http: ["send"],
};

/** The interfaces of WASI that `files.js` imports. */
const INTERFACES_OF_WASI = {
  "wasi:cli/environment@0.2.0": "getEnvironment",
  "wasi:filesystem/preopens@0.2.0": "getDirectories",
};

/** The fake host of the call that runs. */
let current = null;

globalThis[HOST] = (name, values) => {
  if (current === null) throw new Error("no host: outside of a component a plugin runs in a call of FakeHost");
  return current[name](...values);
};

/** A module with functions that call these methods of the fake host. */
function moduleOf(methods) {
  const line = ([name, method]) =>
    `export const ${name} = (...values) => globalThis[Symbol.for("${HOST.description}")]("${method}", values);`;
  return `data:text/javascript,${encodeURIComponent(methods.map(line).join("\n"))}`;
}

/** The interfaces as modules of their own. */
const MODULES = Object.fromEntries([
  ...Object.entries(INTERFACES).map(([name, functions]) => [
    `saggar:task/${name}@0.1.0`,
    moduleOf(functions.map((one) => [one, `${name}.${one}`])),
  ]),
  ...Object.entries(INTERFACES_OF_WASI).map(([name, one]) => [name, moduleOf([[one, `wasi.${one}`]])]),
]);

if (nodeModule.registerHooks) {
  const resolve = (specifier, context, next) =>
    Object.hasOwn(MODULES, specifier) ? { url: MODULES[specifier], shortCircuit: true } : next(specifier, context);
  nodeModule.registerHooks({ resolve });
} else {
  // Before Node 22.15 hooks run in a thread of their own, so they are a module.
  const hooks = `const modules = ${JSON.stringify(MODULES)};
    export const resolve = async (specifier, context, next) =>
      Object.hasOwn(modules, specifier) ? { url: modules[specifier], shortCircuit: true } : next(specifier, context);`;
  nodeModule.register(`data:text/javascript,${encodeURIComponent(hooks)}`);
}

/** How a call failed: `kind` is `retry`, `retry-after`, `reject`, or `problem` for a handler. */
export class Failed extends Error {
  name = "Failed";
  constructor(kind, { code, message, details }, afterMs) {
    super(message);
    Object.assign(this, { kind, code, details: details === null ? undefined : JSON.parse(details), afterMs });
  }
}

const refuse = (code, message) => {
  throw Object.assign(new Error(code), { payload: { code, message, details: null } });
};

const DEFAULTS = {
  id: 1, task: "test", attempt: 1, maxAttempts: 1, handler: null, remainingMs: null, traceParent: null,
  cancelledAfter: null, queueSize: null, onRequest: null, env: {}, files: {},
};

/**
 * Calls a plugin as a host does, through JSON, and records its progress, log lines and jobs.
 *
 * It does not truncate, coalesce or limit anything, does not run added jobs, and ignores `unique`. Calling the same
 * plugin twice repeats the call: a job added at the same position is the one that is there already. Its key-value store
 * grants everything, and nothing in it expires.
 */
export class FakeHost {
  progress = [];
  logLines = [];
  added = [];
  requests = [];
  #settings;
  #jobs = new Map();
  #entries = new Map();
  #lastVersion = 0;
  #files;

  constructor(settings = {}) {
    const unknown = Object.keys(settings).find((name) => !Object.hasOwn(DEFAULTS, name));
    if (unknown) throw new TypeError(`unknown setting \`${unknown}\`; known: ${Object.keys(DEFAULTS).join(", ")}`);
    this.#settings = { ...DEFAULTS, ...settings };
    this.#files = new FakeFiles(this.#settings.files);
    for (const name of Object.keys(DEFAULTS)) this[`context.${name}`] = () => this.#settings[name];
  }

  /** Sets the job that `tasks.get` returns. */
  job(task, job) {
    const { response } = job;
    const filled = { status: "waiting", current: 0, total: 0, message: "", ...job };
    this.#jobs.set(`${task}/${job.id}`, { ...filled, response: response === undefined ? null : JSON.stringify(response) });
    return this;
  }

  /** Sets the value of a key of the key-value store. */
  kvValue(key, value) {
    this["kv.set"](key, new TextEncoder().encode(JSON.stringify(value)), null);
    return this;
  }

  /** The value of a key of the key-value store; `undefined` if there is none. */
  kv(key) {
    const entry = this.#entries.get(key);
    return entry && JSON.parse(new TextDecoder().decode(entry.value));
  }

  /** The text of a file; `undefined` if there is none. */
  file(path) {
    return this.#files.text(path);
  }

  /** The status of a job that the plugin added or the test set. */
  status(task, id) {
    return this.#jobs.get(`${task}/${id}`)?.status;
  }

  async process(plugin, ...args) {
    return JSON.parse(await this.#call(plugin, "processor", "process", [this.#settings.id, JSON.stringify(args)]));
  }
  next(plugin) {
    return this.#call(plugin, "idSource", "next", []);
  }
  onAdd(plugin) {
    return this.#call(plugin, "addHandler", "onAdd", [this.#settings.id]);
  }
  onProgress(plugin, { current, total, message }) {
    return this.#call(plugin, "progressHandler", "onProgress", [this.#settings.id, current, total, message]);
  }
  onSuccess(plugin, response) {
    return this.#call(plugin, "successHandler", "onSuccess", [this.#settings.id, JSON.stringify(response)]);
  }
  onError(plugin, { code, message, details }) {
    const problem = { code, message, details: details === undefined ? null : JSON.stringify(details) };
    return this.#call(plugin, "errorHandler", "onError", [this.#settings.id, problem]);
  }

  async #call(plugin, name, method, values) {
    if (!plugin[name]) throw new TypeError(`the plugin does not export \`${name}\`: export const { ${name} } = plugin(…)`);
    if (current !== null) throw new Error("a call of a FakeHost is running; await it first");
    current = this;
    try {
      return await plugin[name][method](...values);
    } catch (thrown) {
      throw failed(thrown);
    } finally {
      current = null;
    }
  }

  "wasi.getEnvironment"() {
    return Object.entries(this.#settings.env);
  }
  "wasi.getDirectories"() {
    return this.#files.roots();
  }
  "context.isCancelled"() {
    return this.#settings.cancelledAfter !== null && this.progress.length >= this.#settings.cancelledAfter;
  }
  "progress.report"(done, total, message) {
    this.progress.push({ current: done, total, message });
  }
  "log.write"(level, message) {
    this.logLines.push({ level, message });
  }
  "tasks.addWith"(task, json, optionsJson) {
    const args = JSON.parse(json);
    const { key, unique, priority = 0, delay_ms: delayMs = 0, run_at: runAt } = JSON.parse(optionsJson);
    const before = key === undefined ? undefined : this.added.find((one) => one.task === task && one.key === key);
    if (before) {
      if (JSON.stringify(before.args) === json) return before.id;
      refuse("key-reused", `job ${before.id} of \`${task}\` has this key and other arguments`);
    }
    const { queueSize } = this.#settings;
    if (queueSize !== null && this.added.length >= queueSize) refuse("queue-full", `the queue of \`${task}\` is full`);
    const id = this.added.length + 1;
    this.added.push({ id, task, args, key, unique, priority, delayMs, runAt });
    this.job(task, { id });
    return id;
  }
  "tasks.get"(task, id) {
    return this.#jobs.get(`${task}/${id}`) ?? refuse("unknown-job", `unknown job ${id} of \`${task}\``);
  }
  "http.send"(request) {
    this.requests.push(request);
    const { onRequest } = this.#settings;
    if (onRequest === null) refuse("http-not-granted", "the test answers no requests: pass `onRequest` to FakeHost");
    const { status = 200, headers = {}, body = "", problem } = onRequest(request) ?? {};
    if (problem) refuse(problem.code, problem.message);
    const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
    return { status, headers: Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]), body: bytes };
  }
  "tasks.cancel"(task, id) {
    const job = this["tasks.get"](task, id);
    if (["success", "failure"].includes(job.status)) refuse("ended", `job ${id} of \`${task}\` has already ended`);
    job.status = "failure";
  }

  "kv.get"(key) {
    return this.#entries.get(key) ?? null;
  }
  "kv.set"(key, value, ttlMs) {
    this.#lastVersion += 1;
    this.#entries.set(key, { value: Uint8Array.from(value), version: this.#lastVersion, expiresInMs: ttlMs });
    return this.#lastVersion;
  }
  "kv.compareAndSwap"(key, expected, value, ttlMs) {
    const version = this.#entries.get(key)?.version ?? null;
    return version === expected ? this["kv.set"](key, value, ttlMs) : null;
  }
  "kv.increment"(key, by, ttlMs) {
    const entry = this.#entries.get(key);
    const number = entry === undefined ? "0" : new TextDecoder().decode(entry.value);
    if (!/^(0|-?[1-9][0-9]*)$/.test(number)) refuse("not-a-number", `the value of \`${key}\` is not a whole number`);
    const sum = Number(number) + by;
    this["kv.set"](key, new TextEncoder().encode(String(sum)), entry === undefined ? ttlMs : entry.expiresInMs);
    return sum;
  }
  "kv.remove"(key, expected) {
    if (expected !== null && this.#entries.get(key)?.version !== expected) return false;
    return this.#entries.delete(key);
  }
  "kv.keys"(prefix, after, limit) {
    const all = [...this.#entries.keys()].filter((key) => key.startsWith(prefix) && (after === null || key > after)).sort();
    const keys = all.slice(0, Math.min(Math.max(limit, 1), 1000));
    return { keys, next: all.length > keys.length ? keys.at(-1) : null };
  }
}

/** What a plugin threw, as an error that a test can look at. Anything else would be a trap in a component. */
function failed(thrown) {
  if (typeof thrown?.tag === "string") {
    const { tag, val } = thrown;
    return tag === "retry-after" ? new Failed(tag, val[0], val[1]) : new Failed(tag, val);
  }
  return typeof thrown?.code === "string" && !(thrown instanceof Error) ? new Failed("problem", thrown) : thrown;
}
