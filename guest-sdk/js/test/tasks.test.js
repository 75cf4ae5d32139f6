// Jobs that a plugin adds, looks up and cancels.

import assert from "node:assert/strict";
import { test } from "node:test";

import { FakeHost } from "../testing.js";

const { Retry, plugin, tasks } = await import("../index.js");

const inJob = (host, process) => host.process(plugin({ process }));

test("an added job has the key of its position, so a repeated call adds it once", async () => {
  const host = new FakeHost({ task: "mail.send", id: 7 });
  const process = () => {
    const ids = [tasks.add("archive", 7, "text"), tasks.addLater("archive", 5000, "late")];
    if (host.added.length < 3 && ids.length === 2) tasks.add("archive", "third");
    return ids;
  };
  assert.deepEqual(await inJob(host, process), [1, 2]);
  assert.deepEqual(await inJob(host, process), [1, 2]);
  assert.deepEqual(host.added.map(({ key, args, delayMs }) => [key, args, delayMs]), [
    ["mail.send/7/process/0", [7, "text"], 0],
    ["mail.send/7/process/1", ["late"], 5000],
    ["mail.send/7/process/2", ["third"], 0],
  ]);
});

test("another job at the same position is an error that says what to do", async () => {
  const host = new FakeHost();
  let attempt = 0;
  const process = () => tasks.add("archive", (attempt += 1));
  await inJob(host, process);
  await assert.rejects(inJob(host, process), ({ code, message }) => {
    assert.equal(code, "key-reused");
    assert.match(message, /^job number 0 \(from 0\) that this call adds differs.*the same order each time/);
    return true;
  });
});

test("options are those of the contract", async () => {
  const host = new FakeHost();
  await inJob(host, () => {
    tasks.addWith("a", [1], { key: "own", priority: 5, delayMs: 10, unique: { by: "args", positions: [0] } });
    tasks.addWith("a", [2], { key: null, runAt: "2026-11-24T10:00:00Z" });
    tasks.addWith("a", [3]);
  });
  assert.deepEqual(host.added.map(({ key, priority, delayMs, unique, runAt }) => [key, priority, delayMs, unique, runAt]), [
    ["own", 5, 10, { by: "args", positions: [0] }, undefined],
    [undefined, 0, 0, undefined, "2026-11-24T10:00:00Z"],
    ["test/1/process/2", 0, 0, undefined, undefined],
  ]);
  await assert.rejects(inJob(host, () => tasks.addWith("a", [], { delay: 1 })), { code: "invalid-options", message: /`delay`/ });
  await assert.rejects(inJob(host, () => tasks.add("a", 1n)), { kind: "retry", code: "invalid-args", message: /BigInt/ });
});

test("handlers add jobs with keys of their own, `next` and `onProgress` without", async () => {
  const add = () => void tasks.add("a");
  const all = plugin({ next: add, onAdd: add, onProgress: add, onSuccess: add, onError: add });
  const host = new FakeHost();
  await host.next(all);
  await host.onAdd(all);
  await host.onProgress(all, { current: 0, total: 0, message: "" });
  await host.onSuccess(all, null);
  await host.onError(all, { code: "c", message: "m" });
  const keys = [undefined, "test/1/add/0", undefined, "test/1/success/0", "test/1/error/0"];
  assert.deepEqual(host.added.map(({ key }) => key), keys);
});

test("a problem of the host is an error with its code, and a retry if it is thrown on", async () => {
  const host = new FakeHost({ queueSize: 0 });
  assert.equal(await inJob(host, () => { try { tasks.add("a"); } catch (error) { return error.code; } }), "queue-full");
  await assert.rejects(inJob(host, () => tasks.add("a")), { kind: "retry", code: "queue-full", message: "the queue of `a` is full" });
});

test("jobs are looked up and cancelled", async () => {
  const host = new FakeHost().job("a", { id: 5, status: "success", response: { ok: 1 } });
  const found = await inJob(host, () => [tasks.get("a", 5), tasks.get("a", tasks.add("a"))]);
  assert.deepEqual(found[0], { id: 5, status: "success", current: 0, total: 0, message: "", response: { ok: 1 } });
  assert.deepEqual([found[1].status, found[1].response], ["waiting", undefined]);
  await inJob(host, () => tasks.cancel("a", 1));
  assert.equal(host.status("a", 1), "failure");
  await assert.rejects(inJob(host, () => tasks.cancel("a", 5)), { code: "ended" });
  await assert.rejects(inJob(host, () => tasks.get("a", 9)), { code: "unknown-job" });
});

test("a call that failed leaves nothing behind for the next one", async () => {
  const host = new FakeHost();
  await assert.rejects(inJob(host, () => { tasks.add("a"); throw new Retry("busy", "x"); }), { code: "busy" });
  assert.equal(await inJob(host, () => tasks.add("a")), 1);
});
