// Variables and files.

import assert from "node:assert/strict";
import { test } from "node:test";

import { FakeHost } from "../testing.js";

const { Problem, plugin } = await import("../index.js");
const { env, files } = await import("../files.js");

const inJob = (host, process) => host.process(plugin({ process }));
const codeOf = (call) => {
  try {
    call();
  } catch (error) {
    assert.ok(error instanceof Problem, error);
    return error.code;
  }
  return "none";
};

test("variables are those of the task", async () => {
  const host = new FakeHost({ env: { REGION: "eu-west" } });
  await inJob(host, () => {
    assert.deepEqual([env.get("REGION"), env.get("OTHER"), env.all()], ["eu-west", undefined, { REGION: "eu-west" }]);
  });
  await inJob(new FakeHost(), () => assert.deepEqual(env.all(), {}));
});

test("files are read and written as a whole", async () => {
  const host = new FakeHost({ files: { "/data/a.txt": "α", "/scratch": null } });
  await inJob(host, () => {
    assert.equal(files.read("/data/a.txt"), "α");
    files.write("/scratch/b", Uint8Array.of(104, 105));
    assert.deepEqual([...files.readBytes("/scratch/b")], [104, 105]);
    const large = "x".repeat(600_000);
    files.write("/scratch/large", large);
    assert.equal(files.read("/scratch/large"), large);
    files.makeDir("/scratch/dir");
    files.write("/scratch/dir/c", "deep");
    assert.deepEqual(files.list("/scratch"), ["b", "dir", "large"]);
    assert.deepEqual(files.list("/scratch/dir/"), ["c"]);
    assert.deepEqual([files.exists("/scratch/dir/c"), files.exists("/scratch"), files.exists("/data/c")], [true, true, false]);
    assert.equal(codeOf(() => files.remove("/scratch/dir")), "not-empty");
    files.remove("/scratch/dir/c");
    files.remove("/scratch/dir");
    files.write("/scratch/b", "short");
  });
  assert.deepEqual([host.file("/scratch/b"), host.file("/scratch/dir/c"), host.file("/data/a.txt")], ["short", undefined, "α"]);
});

test("what fails is a problem with a code", async () => {
  const host = new FakeHost({ files: { "/data/a.txt": "text" } });
  await inJob(host, () => {
    assert.equal(codeOf(() => files.read("/data/none")), "no-entry");
    assert.equal(codeOf(() => files.read("/data/dir/none")), "no-entry");
    assert.equal(codeOf(() => files.list("/data/a.txt")), "not-directory");
    assert.equal(codeOf(() => files.makeDir("/data/a.txt")), "exist");
    assert.equal(codeOf(() => files.write("/data", "x")), "invalid");
    assert.equal(codeOf(() => files.read("/database/a.txt")), "not-granted");
    assert.equal(codeOf(() => files.exists("/scratch/a")), "not-granted");
  });
  const failure = inJob(host, () => files.read("/data/none"));
  await assert.rejects(failure, { kind: "retry", code: "no-entry", message: "`/data/none`: there is no such file or directory" });
});
