// The declarations for TypeScript name what the modules have, and nothing else.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import * as testing from "../testing.js";

const guest = await import("../index.js");
const withFiles = await import("../files.js");
const read = (name) => readFile(new URL(`../${name}.d.ts`, import.meta.url), "utf8");
const [guestTypes, testingTypes, filesTypes] = [await read("index"), await read("testing"), await read("files")];
const { FakeHost } = testing;

/** The names of the values that a file declares as exported. */
function exported(types) {
  return [...types.matchAll(/^export (?:class|const|function) (\w+)/gm)].map(([, name]) => name).sort();
}

/** The names of the members of the declaration that begins with these words. */
function members(types, head) {
  const start = types.indexOf(head);
  assert.notEqual(start, -1, head);
  const [body] = types.slice(start).split(/^\}/m);
  const names = [...body.matchAll(/^ {2}(?:readonly )?(\w+)[?<(:]/gm)].map(([, name]) => name);
  return names.filter((name) => name !== "constructor").sort();
}

/** The names that an error lists. */
function known(call) {
  try {
    call();
  } catch ({ message }) {
    return message.split("known: ")[1].split(", ").sort();
  }
  return assert.fail("no error");
}

const methods = (object) => Object.getOwnPropertyNames(object).filter((name) => name !== "constructor" && !name.includes("."));

test("exported names", () => {
  assert.deepEqual(exported(guestTypes), Object.keys(guest).sort());
  assert.deepEqual(exported(testingTypes), Object.keys(testing).sort());
  assert.deepEqual(exported(filesTypes), Object.keys(withFiles).sort());
});

test("members of objects", async () => {
  assert.deepEqual(members(guestTypes, "export const tasks: {"), Object.keys(guest.tasks).sort());
  assert.deepEqual(members(guestTypes, "export const log: {"), Object.keys(guest.log).sort());
  assert.deepEqual(members(filesTypes, "export const env: {"), Object.keys(withFiles.env).sort());
  assert.deepEqual(members(filesTypes, "export const files: {"), Object.keys(withFiles.files).sort());
  let job;
  await new FakeHost().process(guest.plugin({ process: (it) => void (job = it) }));
  assert.deepEqual(members(guestTypes, "export interface Job {"), methods(Object.getPrototypeOf(job)).sort());
  const ofHost = [...methods(FakeHost.prototype), ...methods(new FakeHost())];
  assert.deepEqual(members(testingTypes, "export class FakeHost {"), ofHost.sort());
});

test("roles, options and settings", async () => {
  assert.deepEqual(members(guestTypes, "export interface Roles {"), known(() => guest.plugin({ x() {} })));
  let options;
  const process = () => void (options = known(() => guest.tasks.addWith("t", [], { x: 1 })));
  await new FakeHost().process(guest.plugin({ process }));
  assert.deepEqual(members(guestTypes, "export interface AddOptions {"), options);
  assert.deepEqual(members(testingTypes, "export interface Settings {"), known(() => new FakeHost({ x: 1 })));
});
