// What arrives: server-sent events, samples of the pulse, tabs, and rows of the list of jobs.

import assert from "node:assert/strict";
import { test } from "node:test";

globalThis.localStorage ??= { getItem: () => null, setItem() {} };

const { EventParser } = await import("assets:wire/event-parser.js");
const { backoff } = await import("assets:wire/stream.js");
const { History } = await import("assets:live/history.js");
const { place } = await import("assets:live/tabs.js");
const { merge } = await import("assets:pages/jobs-list.js");
const { gather } = await import("assets:pages/events.js");

test("events are read whatever the pieces they arrive in", () => {
  const text = ": silence\r\n\nid: 7\nevent: log\ndata: one\ndata: two\n\nevent: end\ndata:null\n\n";
  const expected = [{ event: "log", data: "one\ntwo", id: "7" }, { event: "end", data: "null", id: null }];
  for (let size = 1; size <= text.length; size += 1) {
    const parser = new EventParser();
    const found = [];
    for (let at = 0; at < text.length; at += size) found.push(...parser.push(text.slice(at, at + size)));
    assert.deepEqual(found, expected, `pieces of ${size}`);
    assert.equal(parser.lastId, "7");
  }
});

test("tries wait longer and longer, up to half a minute, or as the host says", () => {
  for (const [tries, least, most] of [[0, 800, 1_200], [3, 6_400, 9_600], [9, 24_000, 36_000]]) {
    const ms = backoff(tries);
    assert.ok(ms >= least && ms <= most, `${tries}: ${ms}`);
  }
  assert.ok(backoff(9, 5) <= 6_000);
});

test("the history is of five minutes", () => {
  const history = new History();
  const did = { added: 0, started: 0, succeeded: 10, failed: 1, retried: 0 };
  for (let at = 0; at <= 400_000; at += 1_000) history.add("a", at, 1_000, did);
  assert.equal(history.sum(["a"], 400_000, 10_000).succeeded, 100);
  const steps = history.steps(["a"], 400_000);
  assert.equal(steps.length, 60);
  assert.equal(steps.at(-1).succeeded, 10);
  assert.ok(history.of.get("a").length <= 301);
});

test("counts since the start of a host become what was done between", () => {
  const history = new History();
  const rates = (succeeded) => ({ succeeded: { total: succeeded } });
  history.addTotals("a", 0, rates(100));
  history.addTotals("a", 2_000, rates(120));
  // The host was restarted.
  history.addTotals("a", 4_000, rates(3));
  history.addTotals("a", 6_000, rates(5));
  assert.deepEqual(history.of.get("a").map(({ succeeded }) => succeeded), [20, 2]);
});

test("the first tabs may stream", () => {
  const others = new Map([["b", { since: 1, heard: 10_000 }], ["c", { since: 5, heard: 10_000 }], ["d", { since: 0, heard: 1 }]]);
  assert.equal(place({ id: "a", since: 3 }, others, 10_000), 1);
  assert.equal(place({ id: "a", since: 1 }, others, 10_000), 0);
});

test("rows are renewed in place and newer ones are held back", () => {
  const job = (id, status = "WAITING") => ({ task: "t", id, status });
  const { rows, newer, isMore } = merge([job(3), job(2), job(1)], [job(5), job(4), job(3, "RUNNING"), job(2)]);
  assert.deepEqual(rows, [job(3, "RUNNING"), job(2), job(1)]);
  assert.deepEqual(newer, [job(5), job(4)]);
  assert.equal(isMore, false);
  assert.equal(merge([job(1)], [job(9), job(8)]).isMore, true);
});

test("the newest events are kept", () => {
  const events = Array.from({ length: 700 }, (_, at) => at);
  const { rows, left } = gather([], events);
  assert.deepEqual([rows.length, rows[0], left], [500, 699, 200]);
  assert.deepEqual(gather([1], [2, 3]).rows, [3, 2, 1]);
});
