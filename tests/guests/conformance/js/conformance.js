// The conformance guest in JavaScript. `../README.md` says what each function does.

import { Problem, Reject, Retry, RetryAfter, http, kv, log, plugin, tasks } from "@saggar/guest";
import { env, files } from "@saggar/guest/files";

function orCode(request) {
  try {
    return request();
  } catch (error) {
    if (error instanceof Problem) return error.code;
    throw error;
  }
}

function orRefused(use) {
  const result = orCode(() => [use()]);
  return typeof result === "string" ? "refused" : result[0];
}

const processors = {
  default: (_job, value) => value,
  echo: (_job, value) => value,
  nothing() {},
  unicode: () => 'ünï 日本語 👩‍🚀 " \\ \0 end',

  progress(job) {
    job.progress(1, 2, "half");
    job.progress(2, 2, "done ✓");
    return "reported";
  },

  context: (job) => ({
    id: String(job.id),
    task: job.task,
    attempt: job.attempt,
    max_attempts: job.maxAttempts,
    has_deadline: job.remainingMs !== null,
    is_cancelled: job.isCancelled,
    trace_parent: job.traceParent,
  }),

  levels() {
    log.debug("at debug");
    console.info("at info");
    log.warn("at warn");
    console.error("at error");
  },

  reject() {
    throw new Reject("no-page", "page 7 does not exist", { details: { page: 7 } });
  },

  retry(job) {
    if (job.attempt === 1) throw new Retry("busy", "attempt 1 is busy", { details: { attempt: 1 } });
    return job.attempt;
  },

  later(job) {
    if (job.attempt === 1) throw new RetryAfter(1, "not-yet", "a moment");
    return job.attempt;
  },

  broken() {
    throw new Error("it is broken");
  },

  children(job) {
    const ids = [tasks.add("journal", "first"), tasks.add("journal", "second")];
    if (job.attempt === 1) throw new Retry("busy", "attempt 1 fails after it has added its jobs");
    return ids;
  },

  options: () => [
    tasks.addWith("journal", ["keyed"], { key: "the only one" }),
    tasks.addWith("journal", ["keyed"], { key: "the only one" }),
    tasks.addWith("journal", ["free"], { key: null }),
    tasks.addWith("journal", ["free"], { key: null }),
    tasks.addWith("journal", ["late"], { delayMs: 3_600_000, priority: 7 }),
  ],

  exchange: (_job, url) =>
    orCode(() => {
      const response = http.post(url, { headers: { authorization: "Bearer $SECRET.it" }, json: { a: "ü" } });
      return [response.status, response.header("X-Echo"), response.json()];
    }),

  lookup(_job, task, id) {
    const job = tasks.get(task, id);
    return { ...job, response: job.response ?? null };
  },

  cancel: (_job, task, id) => orCode(() => (tasks.cancel(task, id), "cancelled")),
  unknown: () => orCode(() => tasks.add("nowhere")),
  passed: () => tasks.add("nowhere"),
  ident: (job) => String(job.id),
  random: () => Math.random(),

  ledger() {
    const none = kv.get("ledger/none") ?? null;
    const first = kv.swap("ledger/a", null, "one");
    const second = kv.swap("ledger/a", null, "two");
    const third = kv.swap("ledger/a", first, "two");
    const value = kv.get("ledger/a");
    const sums = [kv.increment("ledger/n", 5), kv.increment("ledger/n", -7)];
    kv.set("ledger/text", "x", { ttlMs: 3_600_000 });
    const refused = orCode(() => (kv.increment("ledger/text"), "none"));
    const keys = kv.keys("ledger/");
    const removed = [kv.remove("ledger/a"), kv.remove("ledger/a")];
    return [none, first !== null, second !== null, third !== null, value, ...sums, refused, keys, ...removed];
  },

  stored: (_job, key, value) => orCode(() => (kv.set(key, value), kv.get(key))),
  kept: (_job, key) => orCode(() => kv.get(key) ?? null),

  variable: (_job, name) => env.get(name) ?? null,
  written: (_job, path, content) => orRefused(() => (files.write(path, content), files.read(path))),
  contents: (_job, path) => orRefused(() => files.read(path)),

  // Only for the guest that is built with componentize-js, which has the web's APIs and awaits promises.
  async web(_job, url) {
    const { host, searchParams } = new URL(url);
    await new Promise((resolve) => setTimeout(resolve, 1));
    return { host, q: searchParams.get("q"), bytes: [...new TextEncoder().encode("ü")] };
  },
};

export const { processor, idSource, addHandler, progressHandler, successHandler, errorHandler } = plugin({
  process: processors,

  next: {
    counter() {},
    fixed: () => 4711,
    large: () => 2n ** 53n + 1n,
    exhausted() {
      throw new Problem("no-ids", "no ids are left");
    },
  },

  onAdd: { added: (job) => log.info(`added ${job.id}`) },

  onProgress: {
    progressed: (job, { current, total, message }) => log.info(`progressed ${job.id} ${current}/${total} ${message}`),
  },

  onSuccess: {
    succeeded: (job, response) => log.info(`succeeded ${job.id} ${JSON.stringify(response)}`),
    repeated() {
      tasks.add("journal", "succeeded");
      throw new Problem("as-asked", "the handler fails");
    },
  },

  onError: { failed: (job, { code, message }) => log.info(`failed ${job.id} ${code}: ${message}`) },
});
