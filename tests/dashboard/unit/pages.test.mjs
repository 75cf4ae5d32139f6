// The rules of pages: what needs somebody, why a job waits, comparisons, forms.

import assert from "node:assert/strict";
import { test } from "node:test";

globalThis.localStorage ??= { getItem: () => null, setItem() {} };

const { History } = await import("assets:live/history.js");
const { alerts, failing, perSecond, totals } = await import("assets:pages/overview-rules.js");
const { grouped } = await import("assets:pages/overview.js");
const { sentence, waitOf } = await import("assets:pages/job/waiting.js");
const { linesOf } = await import("assets:pages/job/log.js");
const { memoryLimit } = await import("assets:pages/job/attempt.js");
const { compareShares, rank, wilson } = await import("assets:pages/statistics.js");
const { attemptsOf } = await import("assets:pages/version-data.js");
const { withOlder } = await import("assets:pages/failures.js");
const { difference, readSide } = await import("assets:pages/compare.js");
const { compareLogs } = await import("assets:pages/log-diff.js");
const { replacements } = await import("assets:pages/replacements.js");
const { bodyOf, quoted, wrongArguments } = await import("assets:pages/new-job.js");
const { argumentsText, fieldsOf, wrong } = await import("assets:parts/schema.js");
const { parseWith, stringify } = await import("assets:wire/json.js");
const { placed, framePaths, treeOf } = await import("assets:charts/flame.js");
const { lifePieces } = await import("assets:charts/timeline.js");
const { paths } = await import("assets:charts/spark.js");
const { trend } = await import("assets:pages/series.js");
const { tenantColour } = await import("assets:parts/shell.js");

const NOW = Date.parse("2026-11-24T12:00:00Z");
const rate = (total, perSecond) => ({ total, per_second: perSecond });
const task = (more = {}) => ({ id: "mail.send", state: "ready", paused: false, problem: null, held_by: null, counts: { waiting: 3 }, rates: { succeeded: rate(1_000, 1), failed: rate(1, 0) }, first_ready_at: null, ...more });
const kinds = (of) => alerts({ tasks: [], orphans: [], notReady: null, failures: null, problems: null, now: NOW, ...of }).map(({ key }) => key.split(" ")[0]);

test("the overview names what needs somebody, the worst first", () => {
  assert.deepEqual(kinds({ tasks: [task()] }), []);
  assert.deepEqual(kinds({ tasks: [task({ paused: true }), task({ id: "b", state: "broken", problem: "why" })] }), ["broken", "paused"]);
  assert.deepEqual(kinds({ tasks: [task({ paused: true, counts: { waiting: 0 } })] }), []);
  assert.deepEqual(kinds({ tasks: [task({ first_ready_at: "2026-11-24T11:58:00Z" })] }), ["old"]);
  assert.deepEqual(kinds({ tasks: [task({ rates: { succeeded: rate(1_000, 1), failed: rate(10, 1) } })] }), ["fails"]);
  assert.deepEqual(kinds({ notReady: "store-full" }), ["ready"]);
  const group = { group: "g", task: "a", reasons: { trap: 412 }, message: "m", last_id: 7, count: 412, digests: { "9f2c": 412 } };
  assert.deepEqual(kinds({ failures: { groups: [group, { ...group, group: "h", digests: { a: 1, b: 2 } }] } }), ["group"]);
});

test("tasks are summed and grouped", () => {
  assert.equal(totals([task(), task({ slots: 4 })]).waiting, 6);
  assert.equal(perSecond([task()], new History(), NOW).succeeded, 1);
  const names = grouped([{ id: "a.x" }, { id: "a.y" }, { id: "b.z" }, { id: "c" }]).map(({ name, tasks }) => [name, tasks.length]);
  assert.deepEqual(names, [["a", 2], [null, 1], [null, 1]]);
});

test("a job says why it waits", () => {
  const say = (job, of = null) => sentence({ attempt: 0, max_attempts: 4, ...job }, waitOf(job, of), NOW);
  const explained = (wait, more = {}) => say({ ...more, waiting: "ready", explanation: { wait } });
  const slot = { reason: "slot", ahead: 17, ahead_exact: true, slots: 4, busy: 4, estimate_ms: 2_100, next_free_by: "2026-11-24T12:00:05Z" };
  assert.equal(explained(slot), "It waits for a slot: 4 of 4 slots are busy, 17 jobs are before it, some 2.1 s; the next slot is free in 5 s at the latest");
  assert.match(explained({ ...slot, ahead: 0 }), /it is the next/);
  assert.match(explained({ reason: "time", until: "2026-11-24T12:00:04.1Z" }, { attempt: 1 }), /^It waits for its next attempt \(2 of 4\), in 4.1 s/);
  assert.match(explained({ reason: "quota", quota: "running" }), /`running` is used up/);
  assert.match(explained({ reason: "stopping" }), /drains/);
  assert.match(say({ waiting: "on-hold" }), /add handler/);
  assert.match(say({ waiting: "retrying", run_at: "2026-11-24T12:00:04.1Z" }), /in 4.1 s/);
  const task = { paused: true, counts: { running: 1 }, definition: { worker_nums: 2 } };
  assert.match(say({ waiting: "ready" }, task), /paused/);
  assert.match(say({ waiting: "ready" }, { ...task, paused: false }), /1 of 2 slots are busy/);
});

test("an attempt has its lines and its limit", () => {
  const lines = [{ at: "2026-11-24T12:00:00Z", run: 1 }, { at: "2026-11-24T12:00:09Z" }, { at: "2026-11-24T12:00:20Z" }];
  const attempt = { run: 1, started_at: "2026-11-24T12:00:00Z", ended_at: "2026-11-24T12:00:10Z" };
  assert.equal(linesOf(lines, attempt).length, 2);
  assert.equal(linesOf(lines, null).length, 3);
  assert.equal(memoryLimit({ sandbox: { memory: "64MiB" } }), 64 << 20);
  assert.equal(memoryLimit({}), null);
});

test("two failures of three raise no alarm", () => {
  assert.equal(compareShares({ part: 4, of: 1_000 }, { part: 2, of: 3 }), "more");
  assert.equal(compareShares({ part: 1, of: 4 }, { part: 2, of: 3 }), "chance");
  assert.equal(compareShares({ part: 4, of: 1_000 }, { part: 310, of: 1_000 }), "more");
  assert.equal(compareShares({ part: 310, of: 1_000 }, { part: 4, of: 1_000 }), "less");
  const { low, high } = wilson(0, 10);
  assert.ok(low === 0 && high > 0.2 && high < 0.35);
  assert.deepEqual([rank([3, 1, 2], 0.5), rank([3, 1, 2], 1), rank([], 0.5)], [2, 3, null]);
});

test("tasks of which many attempts fail are found, and the attempts of a version", () => {
  const lists = [{ attempts: [{ ended_at: "x", cost: { digest: "a" } }, { ended_at: "x", cost: null }] }, { attempts: [{ cost: { digest: "a" } }] }];
  assert.equal(attemptsOf("a", lists).length, 1);
  const history = new History();
  history.add("a", NOW, 1_000, { added: 0, started: 0, succeeded: 10, failed: 0, retried: 0 });
  history.add("b", NOW, 1_000, { added: 0, started: 0, succeeded: 10, failed: 5, retried: 5 });
  assert.deepEqual(failing([{ id: "a" }, { id: "b" }], history, NOW), ["b"]);
});

test("groups of older failures are added", () => {
  const group = (name, count, more) => ({ group: name, count, reasons: { trap: count }, digests: {}, per_minute: [0, count], first_ended_at: "2026-11-24", ...more });
  const first = { groups: [group("a", 3), group("b", 2)], omitted: 0, looked_at: 10, next: "c1" };
  const older = { groups: [group("b", 5, { first_ended_at: "2026-11-20" }), group("c", 1)], omitted: 1, looked_at: 20, next: null };
  const { groups, looked_at: lookedAt, omitted, next } = withOlder(first, older);
  assert.deepEqual(groups.map((one) => [one.group, one.count]), [["b", 7], ["a", 3], ["c", 1]]);
  assert.deepEqual([groups[0].per_minute, groups[0].reasons, groups[0].first_ended_at], [[0, 7], { trap: 7 }, "2026-11-20"]);
  assert.deepEqual([lookedAt, omitted, next], [30, 1, null]);
});

test("differences are said in the measure that fits", () => {
  const ms = (value) => `${value} ms`;
  assert.equal(difference(10, 12, ms), "+2 ms");
  assert.equal(difference(10, 46, ms), "×4.6");
  assert.equal(difference(100, 10, ms), "÷10");
  assert.equal(difference(5, 5, ms), null);
  assert.deepEqual(readSide("mail.send:9012:3"), { task: "mail.send", id: "9012", run: "3" });
  assert.equal(readSide("x"), null);
});

test("logs are compared without their numbers", () => {
  const kinds = compareLogs(["open 1", "page 1", "sent"], ["open 2", "page 9", "again 1", "again 2"]).map(({ kind, lines }) => [kind, lines.length]);
  assert.deepEqual(kinds, [["same", 2], ["removed", 1], ["added", 2]]);
  assert.deepEqual(compareLogs([], []), []);
});

test("only what was changed is replaced", () => {
  const before = parseWith("[{\"to\":\"ada\",\"id\":1970670598291982290,\"x\":1.10},[1,2]]");
  assert.deepEqual(replacements(before, before), []);
  const now = parseWith("[{\"to\":\"bob\",\"id\":1970670598291982290,\"x\":1.1},[1,2]]");
  const found = replacements(before, now).map(({ path, value }) => [path, stringify(value)]);
  assert.deepEqual(found, [["/0/to", "\"bob\""], ["/0/x", "1.1"]]);
  assert.deepEqual(replacements([1], [1, 2]).map(({ path }) => path), [""]);
  assert.deepEqual(replacements([{ "a/b": 1 }], [{ "a/b": 2 }]).map(({ path }) => path), ["/0/a~1b"]);
  assert.deepEqual(replacements([{}], [[]]).map(({ path }) => path), ["/0"]);
});

test("a form makes the arguments of their schema", () => {
  const schema = {
    type: "array",
    minItems: 2,
    prefixItems: [
      { title: "url", type: "string" },
      { title: "width", type: "integer", minimum: 0 },
      { title: "options", type: "object", properties: { grey: { type: "boolean" }, mode: { enum: ["fit", 2] } } },
      { type: ["string", "null"] },
    ],
  };
  assert.deepEqual(fieldsOf(schema).map(({ path, kind, isRequired }) => [path, kind, isRequired]), [["/0", "text", true], ["/1", "number", true], ["/2/grey", "switch", false], ["/2/mode", "choice", false], ["/3", "text", false]]);
  assert.equal(argumentsText(schema, { "/0": "a\"b", "/1": "18446744073709551615" }), "[\"a\\\"b\",18446744073709551615]");
  assert.equal(argumentsText(schema, { "/0": "a", "/1": "1", "/3": "x" }), "[\"a\",1,null,\"x\"]");
  assert.equal(argumentsText(schema, { "/0": "a", "/1": "1", "/2/grey": "true", "/2/mode": "\"fit\"" }), "[\"a\",1,{\"grey\":true,\"mode\":\"fit\"}]");
  const width = fieldsOf(schema)[1];
  assert.deepEqual(["", "1.5", "-1", "7"].map((text) => wrong(width, text)), ["is required", "is not a whole number", "is below 0", null]);
  assert.equal(fieldsOf({ type: "array" }), null);
  assert.equal(fieldsOf(null), null);
});

test("a request to add has the arguments as they were written", () => {
  const none = { when: "now", delay: "", at: "", priority: "0", unique: "" };
  assert.equal(bodyOf({ ...none, args: "[ 1.10 ]" }), "{\"args\":[ 1.10 ]}");
  assert.equal(bodyOf({ ...none, args: "[]", when: "delay", delay: "1.5", priority: "-3", unique: "args" }), "{\"args\":[],\"delay_ms\":1500,\"priority\":-3,\"unique\":{\"by\":\"args\"}}");
  assert.equal(quoted("it's"), "'it'\\''s'");
  assert.equal(wrongArguments("[]"), null);
  assert.match(wrongArguments("{}"), /array/);
});

test("charts are drawn from numbers", () => {
  assert.deepEqual(paths([{ ok: 0, failed: 0 }]), { ok: "", failed: "" });
  assert.match(paths([{ ok: 1, failed: 1 }]).failed, /^M0 20v-10h1v10z$/);
  const pieces = lifePieces({ addedAt: 0, attempts: [{ number: 1, from: 100, to: 100, ending: "retry" }, { number: 2, from: 400, to: 1_000, ending: "success" }], now: 1_000, width: 1_000 });
  assert.deepEqual(pieces.map(({ kind }) => kind), ["wait", "retry", "wait", "success"]);
  assert.ok(pieces.every(({ width }) => width >= 6));
  assert.ok(Math.abs(pieces.reduce((sum, { width }) => sum + width, 0) - 1_000) < 1);
  const root = { frame: "p", count: 10, children: [{ frame: "a", count: 9, children: [] }, { frame: "b", count: 1, children: [] }] };
  const frames = placed(root, framePaths({ frame: "p", count: 1, children: [{ frame: "a", count: 1 }] }));
  assert.deepEqual(frames.map(({ frame, width, isNew }) => [frame, width, isNew]), [["p", 1_000, false], ["a", 900, false], ["b", 100, true]]);
  const tree = treeOf([{ name: "run", caller: null, count: 3 }, { name: "crop", caller: 0, count: 2 }]);
  assert.deepEqual([tree.count, tree.children[0].children[0].frame], [3, "crop"]);
  assert.equal(trend([1, 1, 4, 4], String), "4, up from 1 in the first half");
  assert.equal(trend([null, null], String), "nothing in this time");
});

test("a tenant has always the same colour", () => {
  assert.equal(tenantColour("acme"), tenantColour("acme"));
  assert.ok(tenantColour("") >= 1 && tenantColour("مهام") <= 8);
});
