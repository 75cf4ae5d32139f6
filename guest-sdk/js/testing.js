// A fake host for tests in Node: it answers the imports of the contract and records what a plugin does.
//
// Importing this module teaches Node to resolve `saggar:task/…`. Node resolves all static imports of a file first, so a
// test imports this module statically, and its plugin by `await import("../src/index.js")`.

import * as nodeModule from "node:module";

const HOST = Symbol.for("saggar.guest.testing");

const INTERFACES = {
  context: ["id", "task", "attempt", "maxAttempts", "handler", "remainingMs", "isCancelled", "traceParent"],
  progress: ["report"],
  log: ["write"],
  tasks: ["add", "addLater", "addWith", "get", "cancel"],
};

/** The fake host of the call that runs. */
let current = null;

globalThis[HOST] = (name, values) => {
  if (current === null) throw new Error("no host: outside of a component a plugin runs in a call of FakeHost");
  return current[name](...values);
};

/** The interfaces as modules of their own. */
const MODULES = Object.fromEntries(
  Object.entries(INTERFACES).map(([name, functions]) => {
    const line = (one) => `export const ${one} = (...values) => globalThis[Symbol.for("${HOST.description}")]("${name}.${one}", values);`;
    return [`saggar:task/${name}@0.1.0`, `data:text/javascript,${encodeURIComponent(functions.map(line).join("\n"))}`];
  }),
);

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
  cancelledAfter: null, queueSize: null,
};

/**
 * Calls a plugin as a host does, through JSON, and records its progress, log lines and jobs.
 *
 * It does not truncate, coalesce or limit anything, does not run added jobs, and ignores `unique`. Calling the same
 * plugin twice repeats the call: a job added at the same position is the one that is there already.
 */
export class FakeHost {
  progress = [];
  logLines = [];
  added = [];
  #settings;
  #jobs = new Map();

  constructor(settings = {}) {
    const unknown = Object.keys(settings).find((name) => !Object.hasOwn(DEFAULTS, name));
    if (unknown) throw new TypeError(`unknown setting \`${unknown}\`; known: ${Object.keys(DEFAULTS).join(", ")}`);
    this.#settings = { ...DEFAULTS, ...settings };
    for (const name of Object.keys(DEFAULTS)) this[`context.${name}`] = () => this.#settings[name];
  }

  /** Sets the job that `tasks.get` returns. */
  job(task, job) {
    const { response } = job;
    const filled = { status: "waiting", current: 0, total: 0, message: "", ...job };
    this.#jobs.set(`${task}/${job.id}`, { ...filled, response: response === undefined ? null : JSON.stringify(response) });
    return this;
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
  "tasks.cancel"(task, id) {
    const job = this["tasks.get"](task, id);
    if (["success", "failure"].includes(job.status)) refuse("ended", `job ${id} of \`${task}\` has already ended`);
    job.status = "failure";
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
