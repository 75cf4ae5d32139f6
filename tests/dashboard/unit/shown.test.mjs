// Numbers, times and texts as people see them.

import assert from "node:assert/strict";
import { test } from "node:test";

globalThis.localStorage ??= { getItem: () => null, setItem() {} };

const { bytes, count, counted, rate, share, short, span } = await import("assets:parts/span.js");
const { absolute, ago } = await import("assets:parts/timestamp.js");
const { pieces } = await import("assets:parts/guest.js");
const { visibleRows, MOST } = await import("assets:parts/window.js");

test("lengths of time", () => {
  const cases = { 0: "0 ms", 0.0421: "42.1 µs", 3.1: "3.1 ms", 999: "999 ms", 41_000: "41 s", 30_040: "30 s", 60_000: "1 min", 7_500_000: "2 h 5 min", 90_000_000: "1 d 1 h" };
  for (const [ms, text] of Object.entries(cases)) assert.equal(span(Number(ms)), text);
  assert.equal(span(null), "–");
  assert.equal(span(-2_000), "−2 s");
});

test("counts of any size", () => {
  assert.equal(count(0), "0");
  assert.equal(count(1204), "1,204");
  assert.equal(count("18446744073709551615"), "18,446,744,073,709,551,615");
  assert.equal(counted(1, "job"), "1 job");
  assert.equal(counted(1204, "job"), "1,204 jobs");
  assert.equal(short(4_700_000), "4.7\u202fM");
  assert.equal(short(99_999), "99,999");
  assert.equal(bytes(48_211), "47.1 KiB");
  assert.equal(bytes(0), "0 B");
  assert.equal(share(15, 1_000), "1.5 %");
  assert.equal(share(1, 0), "–");
  assert.equal(share(1, 100_000), "<0.1 %");
  assert.equal(rate(0.001), "<0.01/s");
});

test("times", () => {
  assert.equal(ago(500), "now");
  assert.equal(ago(41_900), "41 s ago");
  assert.equal(ago(-4_100), "in 4 s");
  assert.equal(ago(10_800_000 + 300_000), "3 h ago");
  const time = Date.parse("2026-11-24T23:30:00Z");
  assert.equal(absolute(time, "UTC", time), "23:30:00");
  assert.equal(absolute(time, "Asia/Kathmandu", Date.parse("2026-11-24T12:00:00Z")), "25 Nov 05:15:00");
});

test("marks of direction and control characters of guests are spelt out", () => {
  assert.deepEqual(pieces("a\u202eb\u001b[31m"), [
    { text: "a", isMark: false },
    { text: "U+202E", isMark: true },
    { text: "b", isMark: false },
    { text: "U+001B", isMark: true },
    { text: "[31m", isMark: false },
  ]);
  assert.deepEqual(pieces("<b>é\n\tمهام"), [{ text: "<b>é\n\tمهام", isMark: false }]);
  assert.deepEqual(pieces(""), []);
});

test("few rows of many are elements", () => {
  assert.deepEqual(visibleRows({ count: 100, rowHeight: 36, top: 9_000, viewHeight: 800 }), { from: 0, to: 100 });
  const middle = visibleRows({ count: 1_000_000, rowHeight: 36, top: 3_600_000, viewHeight: 800 });
  assert.ok(middle.from <= 100_000 && middle.to >= 100_023 && middle.to - middle.from <= MOST);
  const end = visibleRows({ count: 1_000, rowHeight: 36, top: 999_999, viewHeight: 800 });
  assert.equal(end.to, 1_000);
});
