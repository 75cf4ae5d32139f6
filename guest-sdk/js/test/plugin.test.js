// What the host gets from a plugin, and what a plugin gets from the host.

import assert from "node:assert/strict";
import { test } from "node:test";

import { FakeHost } from "../testing.js";

const { Problem, Reject, Retry, RetryAfter, log, plugin, tasks } = await import("../index.js");

const processor = (process) => plugin({ process });
const fails = (process, expected, settings) =>
  assert.rejects(new FakeHost(settings).process(processor(process)), (error) => {
    for (const [name, value] of Object.entries(expected)) assert.deepEqual(error[name], value, name);
    return true;
  });

test("arguments and results are JSON values, in an async function too", async () => {
  const host = new FakeHost();
  assert.deepEqual(await host.process(processor((_job, a, b = 64) => ({ a, b })), "a.png"), { a: "a.png", b: 64 });
  assert.deepEqual(await host.process(processor(async (_job, ...all) => all), 1, null, ["ü"]), [1, null, ["ü"]]);
  assert.equal(await host.process(processor(() => {})), null);
});

test("a result that JSON cannot hold rejects the job", async () => {
  const cycle = {};
  cycle.self = cycle;
  await fails(() => cycle, { kind: "reject", code: "invalid-response" });
  await fails(() => 1n, { kind: "reject", code: "invalid-response" });
  await fails(() => () => {}, { kind: "reject", code: "invalid-response" });
});

test("the class of an error says what happens to the job", async () => {
  const reject = () => { throw new Reject("no-page", "page 7", { details: { page: 7 } }); };
  await fails(reject, { kind: "reject", code: "no-page", message: "page 7", details: { page: 7 } });
  await fails(() => { throw new Retry("busy", "wait"); }, { kind: "retry", code: "busy", details: undefined });
  await fails(() => { throw new RetryAfter(5000, "busy", "wait"); }, { kind: "retry-after", afterMs: 5000, code: "busy" });
  await fails(async () => { throw new Reject("late", "later"); }, { kind: "reject", code: "late" });
});

test("any other error is a retry with its type, message, causes and stack", async () => {
  const broken = () => { throw new TypeError("it is broken", { cause: new Error("a cable") }); };
  await assert.rejects(new FakeHost().process(processor(broken)), ({ kind, code, message, details }) => {
    assert.deepEqual([kind, code, message], ["retry", "exception", "TypeError: it is broken: a cable"]);
    assert.match(details.stack, /plugin\.test\.js/);
    return true;
  });
  await fails(() => { throw Object.assign(new Error("x"), { code: "not-found" }); }, { code: "not-found" });
  await fails(() => { throw Object.assign(new Error("x"), { code: "ENOENT" }); }, { code: "exception" });
  await fails(() => { throw undefined; }, { kind: "retry", code: "exception" });
  await fails(() => { throw { cause: 1 }; }, { kind: "retry", message: 'the function threw {"cause":1}, which is not an Error, so its place is unknown' });
  await fails(() => { throw new Retry("c", "m", { details: 1n }); }, { code: "c", details: undefined });
});

test("a reference selects a function by its name", async () => {
  const two = plugin({ process: { default: () => "default", "send-all": () => "all" } });
  assert.equal(await new FakeHost().process(two), "default");
  assert.equal(await new FakeHost({ handler: "send-all" }).process(two), "all");
  await assert.rejects(new FakeHost({ handler: "toString" }).process(two), {
    kind: "reject", code: "unknown-handler", message: "unknown function `toString`; known: `#send-all`",
  });
  await assert.rejects(new FakeHost().process(plugin({ process: { a() {} } })), { code: "unknown-handler" });
});

test("a mistake in the roles is an error of the build", () => {
  assert.throws(() => plugin({ proces() {} }), /unknown role `proces`; known: process, next/);
  assert.throws(() => plugin({ process: {} }), /neither a function nor an object of functions/);
  assert.throws(() => plugin({ process: { a: 1 } }), /neither/);
});

test("the job has its context", async () => {
  const host = new FakeHost({ id: 7, task: "a.b", attempt: 2, maxAttempts: 3, remainingMs: 50, cancelledAfter: 1 });
  const seen = await host.process(processor((job) => {
    const before = job.isCancelled;
    job.progress(1, 2, "half");
    const { id, task, attempt, maxAttempts, remainingMs, isCancelled, traceParent } = job;
    return { id, task, attempt, maxAttempts, remainingMs, before, isCancelled, traceParent };
  }));
  const expected = { id: 7, task: "a.b", attempt: 2, maxAttempts: 3, remainingMs: 50, before: false, isCancelled: true };
  assert.deepEqual(seen, { ...expected, traceParent: null });
  assert.deepEqual(host.progress, [{ current: 1, total: 2, message: "half" }]);
  await fails((job) => job.progress(0.5, 1), { kind: "retry", message: "RangeError: current is not a whole number from 0 to 2^53 - 1: 0.5" });
});

test("an id that a number cannot hold is refused where it is used", async () => {
  for (const id of [2n ** 53n, 2n ** 53n + 1n, -1]) {
    await fails((job) => job.id, { kind: "reject", code: "id-too-large" }, { id });
    await fails(() => tasks.add("other"), { kind: "reject", code: "id-too-large" }, { id });
    assert.equal(await new FakeHost({ id }).process(processor(() => "unused")), "unused");
  }
  await fails(() => tasks.get("other", 2 ** 53), { code: "id-too-large" });
  await assert.rejects(new FakeHost().next(plugin({ next: () => 2n ** 53n + 1n })), { kind: "problem", code: "id-too-large" });
  await assert.rejects(new FakeHost().next(plugin({ next: () => 1.5 })), { code: "id-too-large" });
  assert.equal(await new FakeHost().next(plugin({ next: () => 7n })), 7);
  assert.equal(await new FakeHost().next(plugin({ next() {} })), null);
});

test("the log and the console write to the job's log", async () => {
  const host = new FakeHost();
  await host.process(processor(() => {
    log.warn("at", 1, { a: [1n, null] });
    console.log("plain", "text");
    console.debug(new Map([["a", 1]]));
    console.error(undefined, "\ud800");
    console.assert(true, "unseen");
  }));
  assert.deepEqual(host.logLines, [
    { level: "warn", message: 'at 1 {"a":["1n",null]}' },
    { level: "info", message: "plain text" },
    { level: "debug", message: '[["a",1]]' },
    { level: "error", message: `undefined ${String.prototype.toWellFormed ? "\ufffd" : "\ud800"}` },
  ]);
});

test("handlers get what they are told, and their errors are problems", async () => {
  const all = plugin({
    onAdd: (job) => log.info("add", job.id),
    onProgress: (job, { current, total, message }) => log.info("progress", job.id, current, total, message),
    onSuccess: (job, response) => log.info("success", job.id, response),
    onError: (job, problem) => { throw new Problem(problem.code, `${problem.message} ${problem.details.a}`); },
  });
  const host = new FakeHost({ id: 3 });
  await host.onAdd(all);
  await host.onProgress(all, { current: 1, total: 2, message: "half" });
  await host.onSuccess(all, { ok: true });
  assert.deepEqual(host.logLines.map((line) => line.message), ["add 3", "progress 3 1 2 half", 'success 3 {"ok":true}']);
  await assert.rejects(host.onError(all, { code: "trap", message: "it", details: { a: 1 } }), {
    kind: "problem", code: "trap", message: "it 1",
  });
});
