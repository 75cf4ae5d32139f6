// Variables and files of the task, by the interfaces of WASI. They are no part of the contract, so the component's world has
// to import them: it includes the world `files` of `wit/files.wit`.

import { getEnvironment } from "wasi:cli/environment@0.2.0";
import { getDirectories } from "wasi:filesystem/preopens@0.2.0";

import { Problem } from "./index.js";
import { decode, encode, text } from "./text.js";

/** Bytes that the host reads or writes at a time. */
const CHUNK = 256 * 1024;

const REASONS = {
  access: "this is not permitted",
  exist: "there is already something",
  "insufficient-space": "there is no space left",
  invalid: "this is not a path that can be used",
  "is-directory": "it is a directory",
  "no-entry": "there is no such file or directory",
  "not-directory": "it is not a directory",
  "not-empty": "the directory is not empty",
  "not-permitted": "this is not permitted",
  quota: "the directory may have no more bytes or files, or too many are open",
  "read-only": "the task may only read this directory",
};

/** Gives up what the host keeps for the guest. */
function drop(resource) {
  resource[Symbol.dispose]?.();
}

/** Calls `use` with the directory that a path begins with, and the rest of the path. */
function at(path, use) {
  const wanted = text(path);
  const roots = getDirectories();
  try {
    const isInside = (name) => wanted === name || wanted.startsWith(`${name}/`);
    const found = roots.find(([, name]) => isInside(name));
    if (found === undefined) {
      const why = "the task requests directories in `sandbox.dirs` and `sandbox.scratch`, and the operator grants them";
      throw new Problem("not-granted", `\`${wanted}\` is in no directory that the task has: ${why}`);
    }
    const [root, name] = found;
    return use(root, wanted.slice(name.length).replace(/^\/+|\/+$/g, ""));
  } catch (error) {
    const code = error?.payload;
    if (typeof code !== "string") throw error;
    throw new Problem(code, `\`${wanted}\`: ${REASONS[code] ?? code}`, { cause: error });
  } finally {
    for (const [root] of roots) drop(root);
  }
}

/** Calls `use` with a file or directory that is open meanwhile. */
function withOpen(root, path, how, access, use) {
  const opened = root.openAt({}, path, how, access);
  try {
    return use(opened);
  } finally {
    drop(opened);
  }
}

function readAll(file) {
  const chunks = [];
  let length = 0;
  for (;;) {
    const [chunk, isAtEnd] = file.read(CHUNK, length);
    const bytes = new Uint8Array(chunk);
    if (bytes.length > 0) chunks.push(bytes);
    length += bytes.length;
    if (isAtEnd || bytes.length === 0) break;
  }
  const all = new Uint8Array(length);
  let filled = 0;
  for (const chunk of chunks) {
    all.set(chunk, filled);
    filled += chunk.length;
  }
  return all;
}

function writeAll(file, bytes) {
  for (let written = 0; written < bytes.length; ) {
    const length = Number(file.write(bytes.subarray(written, written + CHUNK), written));
    if (length === 0) throw new Problem("io", "the host wrote nothing");
    written += length;
  }
}

function entries(dir) {
  const stream = dir.readDirectory();
  const names = [];
  try {
    for (let entry; (entry = stream.readDirectoryEntry() ?? null) !== null; ) names.push(entry.name);
  } finally {
    drop(stream);
  }
  return names.sort();
}

function hasPayload(error, code) {
  return error?.payload === code;
}

/** The environment variables that the task requests in `sandbox.env` and the operator grants. */
export const env = Object.freeze({
  get: (name) => getEnvironment().find(([known]) => known === name)?.[1],
  all: () => Object.fromEntries(getEnvironment()),
});

/** Files in the directories that the task has, read and written as a whole. Every function throws a `Problem`. */
export const files = Object.freeze({
  read: (path) => decode(files.readBytes(path)),
  readBytes: (path) => at(path, (root, rest) => withOpen(root, rest, {}, { read: true }, readAll)),
  write(path, data) {
    const bytes = typeof data === "string" ? encode(data) : new Uint8Array(data);
    const how = { create: true, truncate: true };
    at(path, (root, rest) => withOpen(root, rest, how, { write: true }, (file) => writeAll(file, bytes)));
  },
  list: (path) =>
    at(path, (root, rest) =>
      rest === "" ? entries(root) : withOpen(root, rest, { directory: true }, { read: true }, entries),
    ),
  exists: (path) =>
    at(path, (root, rest) => {
      try {
        return rest === "" || withOpen(root, rest, {}, { read: true }, () => true);
      } catch (error) {
        if (hasPayload(error, "no-entry")) return false;
        throw error;
      }
    }),
  makeDir: (path) => void at(path, (root, rest) => root.createDirectoryAt(rest)),
  remove: (path) =>
    void at(path, (root, rest) => {
      try {
        root.unlinkFileAt(rest);
      } catch (error) {
        if (!hasPayload(error, "is-directory")) throw error;
        root.removeDirectoryAt(rest);
      }
    }),
});
