// The code in the README works.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { FakeHost } from "../testing.js";

const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
const blocks = [...readme.matchAll(/```js\n(.*?)```/gs)].map(([, code]) => code);
const url = (file) => JSON.stringify(new URL(file, import.meta.url).href);

function address(code, files = {}) {
  const imports = { "@saggar/guest": "../index.js", "@saggar/guest/files": "../files.js", "@saggar/guest/testing": "../testing.js" };
  for (const [name, file] of Object.entries(imports)) code = code.replaceAll(`"${name}"`, url(file));
  for (const [name, address] of Object.entries(files)) code = code.replaceAll(`"${name}"`, JSON.stringify(address));
  return `data:text/javascript,${encodeURIComponent(code)}`;
}

test("the first plugin", async () => {
  const thumbnail = await import(address(blocks[0]));
  assert.deepEqual(await new FakeHost().process(thumbnail, "a.png", 9), { url: "a.png", width: 9 });
});

test("a plugin with all roles", async () => {
  const mail = await import(address(blocks[1]));
  assert.equal(await new FakeHost().process(mail, "ada"), "ada");
  const host = new FakeHost({ handler: "send-all" });
  assert.deepEqual(await host.process(mail, ["ada", "bob"]), ["ada", "bob"]);
  const handlers = new FakeHost();
  assert.equal(await handlers.next(mail), null);
  await handlers.onAdd(mail);
  await handlers.onProgress(mail, { current: 1, total: 2, message: "half" });
  await handlers.onSuccess(mail, "ada");
  await handlers.onError(mail, { code: "c", message: "m" });
  assert.deepEqual(handlers.logLines.map((line) => line.message), ["added #1", "#1: 1/2 half", "sent ada"]);
  assert.deepEqual(handlers.added.map((job) => [job.task, job.args]), [["mail.complain", [1, "m"]]]);
});

test("adding jobs", async () => {
  const code = `import { plugin, tasks } from "@saggar/guest";
    export const { processor } = plugin({ process(job) { ${blocks[2]} return status; } });`;
  const host = new FakeHost();
  assert.equal(await host.process(await import(address(code))), "waiting");
  assert.deepEqual(host.added.map((job) => job.task), ["mail.archive", "mail.remind", "mail.send"]);
});

test("keeping values", async () => {
  const code = `import { kv, plugin } from "@saggar/guest";
    export const { processor } = plugin({ process() { ${blocks[3]} return [user, visits]; } });`;
  assert.deepEqual(await new FakeHost().process(await import(address(code))), [{ name: "Ada" }, 1]);
});

test("variables and files", async () => {
  const [imports, body] = blocks[4].split("\n\n");
  const code = `import { plugin } from "@saggar/guest"; ${imports}
    export const { processor } = plugin({ process() { ${body} } });`;
  const host = new FakeHost({ env: { REGION: "eu" }, files: { "/prices/eu.csv": "b\na", "/scratch": null } });
  await host.process(await import(address(code)));
  assert.equal(host.file("/scratch/sorted.csv"), "a\nb");
});

// The README's test becomes one of this file.
await import(address(blocks[5], { "../src/index.js": address(blocks[0]) }));
