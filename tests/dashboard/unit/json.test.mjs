// Numbers keep their digits.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Exact, members, parse, parseWith, pointerSegment, stringify } from "assets:wire/json.js";

const TEXT = "{\"id\":1970670598291982290,\"a\":[1.10,2,-0,1E400,18446744073709551615],\"s\":\"\\u202e\\\"\",\"n\":null,\"t\":true}";

test("numbers are written as they were read", () => {
  for (const read of [parse, parseWith]) {
    assert.equal(stringify(read(TEXT)), TEXT.replace("\\u202e", "\u202e"));
    assert.equal(String(read("[18446744073709551615]")[0]), "18446744073709551615");
    assert.ok(read("1.10") instanceof Exact);
    assert.equal(read("1.5"), 1.5);
  }
});

test("values that are no numbers are those of the engine", () => {
  const text = "{ \"a\" : [ ] , \"b\" : { } , \"c\" : \"x,]}\\\\\" , \"d\" : [ true , false , null , \"\" ] }";
  assert.deepEqual(parseWith(text), JSON.parse(text));
});

test("a member named __proto__ is a member", () => {
  const value = parseWith("{\"__proto__\":{\"x\":1}}");
  assert.deepEqual(Object.keys(value), ["__proto__"]);
  assert.equal({}.x, undefined);
});

test("invalid JSON is refused", () => {
  for (const text of ["", "{", "[1,]", "01", "{\"a\":1,}", "nul"]) assert.throws(() => parseWith(text), text);
});

test("members are found with their text", () => {
  const found = members(" { \"args\" : [ 1.10 , {\"a\":1, \"a\":2} ] , \"b\":\"}\" , \"c\" : -1e5,\"d\":[] }");
  assert.deepEqual([...found], [["args", "[ 1.10 , {\"a\":1, \"a\":2} ]"], ["b", "\"}\""], ["c", "-1e5"], ["d", "[]"]]);
  assert.deepEqual([...members("{}")], []);
});

test("indented JSON is the same JSON", () => {
  assert.deepEqual(parseWith(stringify(parseWith(TEXT), 2)), parseWith(TEXT));
  assert.equal(stringify({ a: [], b: {}, c: [1] }, 2), "{\n  \"a\": [],\n  \"b\": {},\n  \"c\": [\n    1\n  ]\n}");
  assert.equal(pointerSegment("a/b~c"), "a~1b~0c");
});
