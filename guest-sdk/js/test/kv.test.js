// The key-value store.

import assert from "node:assert/strict";
import { test } from "node:test";

import { FakeHost } from "../testing.js";

const { kv, plugin } = await import("../index.js");

const inJob = (host, process) => host.process(plugin({ process }));
const codeOf = (call) => {
  try {
    call();
  } catch (error) {
    return error.code;
  }
  return "none";
};

test("values are kept between calls", async () => {
  const host = new FakeHost().kvValue("config", { limit: 3, text: "α\u{1F600}" });
  await inJob(host, () => {
    assert.deepEqual(kv.get("config"), { limit: 3, text: "α\u{1F600}" });
    assert.equal(kv.get("nothing"), undefined);
    assert.equal(kv.entry("nothing"), undefined);
    const version = kv.set("a", [1, 2], { ttlMs: 50 });
    assert.deepEqual(kv.entry("a"), { value: [1, 2], version, expiresInMs: 50 });
    assert.equal(kv.swap("a", null, "x"), null);
    assert.ok(kv.swap("a", version, "x") > version);
    assert.equal(kv.remove("a", { version }), false);
    assert.deepEqual([kv.increment("n"), kv.increment("n", -3)], [1, -2]);
  });
  await inJob(host, () => {
    assert.equal(kv.update("n", (n) => n * 2), -4);
    assert.deepEqual(kv.keys(), ["a", "config", "n"]);
    assert.deepEqual(kv.page("", { after: "a", limit: 1 }), { keys: ["config"], next: "config" });
    assert.deepEqual([kv.remove("a"), kv.remove("a")], [true, false]);
    kv.setBytes("bytes", Uint8Array.of(0, 255));
    assert.deepEqual([...kv.getBytes("bytes").value], [0, 255]);
  });
  assert.deepEqual([host.kv("n"), host.kv("a")], [-4, undefined]);
});

test("what JSON and numbers cannot hold is an error", async () => {
  const host = new FakeHost();
  await inJob(host, () => {
    kv.setBytes("bytes", Uint8Array.of(255));
    kv.set("large", Number.MAX_SAFE_INTEGER);
    assert.equal(codeOf(() => kv.get("bytes")), "invalid-value");
    assert.equal(codeOf(() => kv.set("a", undefined)), "invalid-value");
    assert.equal(codeOf(() => kv.increment("bytes")), "not-a-number");
    assert.equal(codeOf(() => kv.increment("large")), "number-too-large");
    assert.throws(() => kv.set("a", 1, { ttlMs: -1 }), RangeError);
  });
});
