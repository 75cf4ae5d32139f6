// The plugin in Node, with a fake host; `saggar test` calls the component itself.

import assert from "node:assert/strict";
import { test } from "node:test";

import { FakeHost } from "@saggar/guest/testing";

const plugin = await import("../src/index.js");

test("it greets", async () => {
  const host = new FakeHost();
  assert.equal(await host.process(plugin, "Ada"), "Hello, Ada!");
  assert.equal(host.progress[0].message, "greeted");
});

test("an empty name is rejected", async () => {
  await assert.rejects(new FakeHost().process(plugin, ""), { kind: "reject", code: "no-name" });
});
