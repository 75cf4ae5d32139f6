// Files in memory for tests, as the resources of WASI that a host gives.

const fail = (code) => {
  throw Object.assign(new Error(code), { payload: code });
};

/** Directories and files by their paths: bytes, or `null` for a directory. */
export class FakeFiles {
  #entries = new Map();

  /** Takes texts or bytes by their paths, and `null` for a directory; the directories that they are in are made. */
  constructor(files) {
    for (const [path, content] of Object.entries(files)) {
      const parts = path.split("/").slice(1);
      parts.slice(0, -1).forEach((_, end) => this.#entries.set(`/${parts.slice(0, end + 1).join("/")}`, null));
      this.#entries.set(path, typeof content === "string" ? new TextEncoder().encode(content) : content);
    }
  }

  /** Returns the directories that a guest has, and their paths. */
  roots() {
    const paths = [...this.#entries.keys()].filter((path) => path.lastIndexOf("/") === 0);
    return paths.map((path) => [new FakeDescriptor(this.#entries, path), path]);
  }

  /** Returns a file as text; `undefined` if there is none. */
  text(path) {
    const bytes = this.#entries.get(path);
    return bytes ? new TextDecoder().decode(bytes) : undefined;
  }
}

class FakeDescriptor {
  #entries;
  #path;

  constructor(entries, path) {
    this.#entries = entries;
    this.#path = path;
  }

  #at(path) {
    return path === "" ? fail("invalid") : `${this.#path}/${path}`;
  }
  #bytes() {
    return this.#entries.get(this.#path) ?? fail("is-directory");
  }
  #names(path) {
    const names = [...this.#entries.keys()].filter((other) => other.startsWith(`${path}/`));
    return [...new Set(names.map((other) => other.slice(path.length + 1).split("/")[0]))];
  }
  #parentOf(path) {
    const parent = path.slice(0, path.lastIndexOf("/"));
    return this.#entries.get(parent) === null ? parent : fail("no-entry");
  }

  openAt(_flags, path, how) {
    const wanted = this.#at(path);
    const found = this.#entries.get(wanted);
    if (found === undefined && !how.create) fail("no-entry");
    if (how.directory && found !== null) fail("not-directory");
    if (found === null && (how.create || how.truncate)) fail("is-directory");
    if (found === undefined || how.truncate) {
      this.#parentOf(wanted);
      this.#entries.set(wanted, new Uint8Array());
    }
    return new FakeDescriptor(this.#entries, wanted);
  }
  read(length, offset) {
    const bytes = this.#bytes().slice(offset, offset + length);
    return [bytes, bytes.length === 0];
  }
  write(bytes, offset) {
    const before = this.#bytes();
    const after = new Uint8Array(Math.max(before.length, offset + bytes.length));
    after.set(before);
    after.set(bytes, offset);
    this.#entries.set(this.#path, after);
    return bytes.length;
  }
  readDirectory() {
    if (this.#entries.get(this.#path) !== null) fail("not-directory");
    const names = this.#names(this.#path);
    return { readDirectoryEntry: () => (names.length > 0 ? { type: "unknown", name: names.shift() } : null) };
  }
  createDirectoryAt(path) {
    const wanted = this.#at(path);
    if (this.#entries.has(wanted)) fail("exist");
    this.#parentOf(wanted);
    this.#entries.set(wanted, null);
  }
  unlinkFileAt(path) {
    const found = this.#entries.get(this.#at(path));
    if (found === undefined) fail("no-entry");
    if (found === null) fail("is-directory");
    this.#entries.delete(this.#at(path));
  }
  removeDirectoryAt(path) {
    const wanted = this.#at(path);
    if (this.#entries.get(wanted) !== null) fail("not-directory");
    if (this.#names(wanted).length > 0) fail("not-empty");
    this.#entries.delete(wanted);
  }
}
