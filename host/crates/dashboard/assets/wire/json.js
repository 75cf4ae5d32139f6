// JSON that keeps every digit: ids are larger than JavaScript's numbers, and arguments are shown, edited and sent as they were
// written.

/** A number whose text differs from what JavaScript makes of it, such as `1.10` or `18446744073709551615`. */
export class Exact {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
  }

  toString() {
    return this.text;
  }

  /** For comparisons and charts, where the nearest number will do. */
  valueOf() {
    return Number(this.text);
  }

  toJSON() {
    return typeof JSON.rawJSON === "function" ? JSON.rawJSON(this.text) : Number(this.text);
  }
}

const keepsSource = (() => {
  let kept = false;
  JSON.parse("1.0", (_, value, context) => {
    kept = context?.source === "1.0";
    return value;
  });
  return kept;
})();

/** Reads a number; it stays a plain one if its text is what JavaScript would write. */
function number(text) {
  const value = Number(text);
  return String(value) === text ? value : new Exact(text);
}

/**
 * Parses JSON; numbers that JavaScript would change become `Exact`.
 * @param {string} text
 * @returns {any}
 */
export function parse(text) {
  if (!keepsSource) return parseWith(text);
  return JSON.parse(text, (_, value, context) => (typeof value === "number" ? number(context.source) : value));
}

/**
 * Does the same without the engine's help, which browsers have since 2025.
 * @param {string} text
 */
export function parseWith(text) {
  // The engine checks the syntax; what follows may then rely on it.
  JSON.parse(text);
  return new Reader(text).value();
}

/** Reads valid JSON text from a position on. */
class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  blank() {
    while (" \t\r\n".includes(this.text[this.at] ?? "x")) this.at += 1;
  }

  /** Returns the text of the string that begins here, with its quotes. */
  quoted() {
    const from = this.at;
    this.at += 1;
    while (this.text[this.at] !== "\"") this.at += this.text[this.at] === "\\" ? 2 : 1;
    this.at += 1;
    return this.text.slice(from, this.at);
  }

  value() {
    this.blank();
    const first = this.text[this.at];
    if (first === "{") return this.object();
    if (first === "[") return this.array();
    if (first === "\"") return JSON.parse(this.quoted());
    const from = this.at;
    while (this.at < this.text.length && !" \t\r\n,]}".includes(this.text[this.at])) this.at += 1;
    const word = this.text.slice(from, this.at);
    if (word === "true" || word === "false") return word === "true";
    return word === "null" ? null : number(word);
  }

  array() {
    const items = [];
    this.at += 1;
    this.blank();
    while (this.text[this.at] !== "]") {
      items.push(this.value());
      this.blank();
      if (this.text[this.at] === ",") this.at += 1;
    }
    this.at += 1;
    return items;
  }

  object() {
    const found = {};
    this.each((key) => {
      const value = this.value();
      // So that `__proto__` is a member like others.
      Object.defineProperty(found, key, { value, enumerable: true, configurable: true, writable: true });
    });
    return found;
  }

  /** Calls back at each member of the object that begins here; the callback reads its value. */
  each(member) {
    this.at += 1;
    this.blank();
    while (this.text[this.at] !== "}") {
      this.blank();
      const key = JSON.parse(this.quoted());
      this.blank();
      this.at += 1;
      member(key);
      this.blank();
      if (this.text[this.at] === ",") this.at += 1;
    }
    this.at += 1;
  }

  /** Passes a value without making anything of it. */
  pass() {
    this.blank();
    let depth = 0;
    do {
      const here = this.text[this.at];
      if (here === "\"") this.quoted();
      else {
        if (here === "{" || here === "[") depth += 1;
        if (here === "}" || here === "]") depth -= 1;
        if (depth < 0) return;
        this.at += 1;
      }
    } while (this.at < this.text.length && !(depth === 0 && ",}] \t\r\n".includes(this.text[this.at])));
  }
}

/**
 * Returns the text of each member of an object, as it was written: with its spaces, repeated members and digits.
 * @param {string} text valid JSON of an object
 * @returns {Map<string, string>}
 */
export function members(text) {
  const reader = new Reader(text);
  const found = new Map();
  reader.blank();
  reader.each((key) => {
    reader.blank();
    const from = reader.at;
    reader.pass();
    found.set(key, text.slice(from, reader.at));
  });
  return found;
}

/**
 * Writes JSON; an `Exact` is written as it was read.
 * @param {any} value
 * @param {number} indent spaces of a level; 0 for one line
 */
export function stringify(value, indent = 0, depth = 0) {
  if (value instanceof Exact) return value.text;
  if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null";
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  const write = (item) => stringify(item, indent, depth + 1);
  const items = Array.isArray(value)
    ? value.map(write)
    : Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([key, item]) => `${JSON.stringify(key)}:${indent ? " " : ""}${write(item)}`);
  if (!indent || items.length === 0) return open + items.join(",") + close;
  const margin = `\n${" ".repeat(indent * (depth + 1))}`;
  return `${open}${margin}${items.join(`,${margin}`)}\n${" ".repeat(indent * depth)}${close}`;
}

/** Returns the segment of a JSON pointer for a key or an index. */
export function pointerSegment(key) {
  return String(key).replaceAll("~", "~0").replaceAll("/", "~1");
}
