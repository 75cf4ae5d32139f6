// The language of filters.

import assert from "node:assert/strict";
import { test } from "node:test";

import { filterText, parseFilter, valuesOf, withTerm } from "assets:route/filter.js";
import { completions, readTime, toParameters, toWhere } from "assets:route/words.js";
import { stringify } from "assets:wire/json.js";

const NOW = Date.parse("2026-11-24T12:00:00Z");
const ALL = { now: NOW, has: () => true };
const pairs = (text, host = ALL) => toParameters(text, host).pairs;
const whys = (text, host = ALL) => toParameters(text, host).problems.map(({ why }) => why);

test("a filter is written as it was read", () => {
  for (const text of [
    "task:mail.* -status:SUCCESS args.1.user.id:1970670598291982290 added:-2h",
    "code:\"a b\",c \"two words\" plain",
    "key:\"say \\\"hi\\\"\"",
    "",
  ]) {
    assert.equal(filterText(parseFilter(text)), text);
  }
});

test("terms have their places", () => {
  const terms = parseFilter("  status:WAITING  refused");
  assert.deepEqual(terms.map(({ key, values, from, to, bare }) => [key, values, from, to, bare]), [
    ["status", ["WAITING"], 2, 16, false],
    ["text", ["refused"], 18, 25, true],
  ]);
  assert.deepEqual(parseFilter("http://x").map(({ key, values }) => [key, values]), [["http", ["//x"]]]);
  assert.deepEqual(valuesOf("task:a,b -task:c", "task"), ["a", "b"]);
});

test("a term is replaced and the others stay", () => {
  assert.equal(withTerm("status:WAITING task:a", "status", ["FAILURE"]), "task:a status:FAILURE");
  assert.equal(withTerm("status:WAITING task:a", "status", []), "task:a");
});

test("words become parameters", () => {
  assert.deepEqual(pairs("task:mail.send,media.* status:failure reason:timeout,trap"), [
    ["task", "mail.send,media.*"],
    ["status", "FAILURE"],
    ["reason", "trap,timeout"],
  ]);
  assert.deepEqual(pairs("-status:SUCCESS"), [["status", "WAITING,RUNNING,FAILURE"]]);
  assert.deepEqual(pairs("added:-2h"), [["added_from", "2026-11-24T10:00:00.000Z"]]);
  assert.deepEqual(pairs("ended:2026-11-24T10:00:00Z..2026-11-24T11:00:00Z"), [
    ["ended_from", "2026-11-24T10:00:00.000Z"],
    ["ended_before", "2026-11-24T11:00:00.000Z"],
  ]);
  assert.deepEqual(pairs("took:>5s priority:-5..0 attempt:2.."), [
    ["min_took_ms", "5000"],
    ["min_priority", "-5"],
    ["max_priority", "0"],
    ["min_attempt", "2"],
  ]);
  assert.deepEqual(pairs("took:100ms..1.5s attempt:3"), [["min_took_ms", "100"], ["max_took_ms", "1500"], ["min_attempt", "3"], ["max_attempt", "3"]]);
  assert.deepEqual(pairs("args.0.user.id:1970670598291982290 args.0.to:ada args:bob"), [
    ["args_text", "bob"],
    ["args", "{\"/0/user/id\":1970670598291982290,\"/0/to\":\"ada\"}"],
  ]);
  assert.deepEqual(pairs("task:mail.send id:7,18446744073709551615"), [["task", "mail.send"], ["ids", "mail.send:7,mail.send:18446744073709551615"]]);
});

test("wrong words say why", () => {
  assert.match(whys("stat:x")[0], /is `status` meant/);
  assert.match(whys("status:DONE")[0], /none of WAITING/);
  assert.match(whys("added:yesterday")[0], /not a time/);
  assert.match(whys("id:7")[0], /which task/);
  assert.match(whys("-code:x")[0], /cannot be excluded/);
  assert.match(whys("status:")[0], /no value/);
  assert.match(whys("took:5")[0], /no such range/);
  assert.match(whys("attempt:-1..")[0], /no such range/);
  assert.match(whys("reason:trap", { now: NOW, has: () => false })[0], /this host cannot filter/);
});

test("a bulk action has lists", () => {
  const where = toWhere(pairs("task:a,b group:g7 status:FAILURE attempt:2.. args.0:1970670598291982290"));
  assert.equal(stringify(where), "{\"task\":[\"a\",\"b\"],\"group\":\"g7\",\"status\":[\"FAILURE\"],\"min_attempt\":2,\"args\":{\"/0\":1970670598291982290}}");
});

test("words and values are completed", () => {
  const at = (text, known = {}) => completions({ text, position: text.length, known, has: () => true });
  assert.deepEqual(at("rea").options.map(({ insert }) => insert), ["reason:"]);
  assert.deepEqual(at("status:FAILURE reason:ti").options.map(({ insert }) => insert), ["timeout "]);
  assert.deepEqual(at("task:x,ma", { task: ["mail.send", "report"] }).options.map(({ label }) => label), ["mail.send"]);
  const { from, to } = at("task:x,ma", { task: ["mail.send"] });
  assert.deepEqual([from, to], [7, 9]);
});

test("times are read", () => {
  assert.equal(readTime("-90m", NOW), "2026-11-24T10:30:00.000Z");
  assert.equal(readTime("2026-11-24T10:00:00Z", NOW), "2026-11-24T10:00:00.000Z");
  for (const bad of ["-2", "2h", "2026-13-40", "x"]) assert.equal(readTime(bad, NOW), null, bad);
});
