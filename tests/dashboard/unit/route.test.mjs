// Addresses and links.

import assert from "node:assert/strict";
import { test } from "node:test";

import { link, parseHash, toJob, toJobs } from "assets:route/hash.js";
import { pluginOf } from "assets:route/reference.js";

test("a link leads to its place", () => {
  const places = [[["tasks", "mail.send", "jobs", "18446744073709551615"], {}], [["tasks", "a/b ?#%", "new"], {}], [["jobs"], { q: "text:\"a & b\" key:x=1" }]];
  for (const [path, query] of places) {
    const found = parseHash(link(path, query));
    assert.deepEqual(found.path, path);
    assert.deepEqual(Object.fromEntries(found.query), query);
  }
});

test("other addresses are read as far as possible", () => {
  assert.deepEqual(parseHash("").path, []);
  assert.deepEqual(parseHash("#/").path, []);
  assert.deepEqual(parseHash("#jobs?").path, ["jobs"]);
  assert.deepEqual(parseHash("#/tasks/%zz").path, ["tasks", "%zz"]);
});

test("a hostile id stays in its link", () => {
  assert.equal(toJob({ task: "javascript:alert(1)//", id: 7 }), "#/tasks/javascript%3Aalert(1)%2F%2F/jobs/7");
  assert.equal(toJobs("a b"), "#/jobs?q=a+b");
});

test("a reference names its plugin", () => {
  assert.equal(pluginOf("plugins.media#thumbnail"), "plugins.media");
  assert.equal(pluginOf(undefined), "");
});
