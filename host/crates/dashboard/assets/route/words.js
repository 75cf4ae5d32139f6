// The qualifiers of filters: what they mean, what the API calls them, and their completion.

import { parse } from "../wire/json.js";
import { parseFilter } from "./filter.js";

export const STATUSES = ["WAITING", "RUNNING", "SUCCESS", "FAILURE"];
export const REASONS = ["failed", "rejected", "trap", "timeout", "out-of-memory", "cancelled", "lost"];

/** What each word means. `one`: takes a single value. `since`: parameters that a host may not have. */
export const WORDS = {
  task: { means: "tasks, such as mail.send or mail.*", example: "mail.*" },
  status: { means: "where the job is in its life", values: STATUSES },
  reason: { means: "why it is FAILURE", values: REASONS, needs: "reason" },
  code: { means: "the code of its problem", needs: "code" },
  text: { means: "text of progress, problem or reason", one: true },
  id: { means: "numbers of jobs; with task: in that task", needs: "ids" },
  key: { means: "its idempotency key", one: true, needs: "key" },
  parent: { means: "the job that added it", one: true, example: "media.split:3", needs: "parent" },
  digest: { means: "the version that ran", one: true, needs: "digest" },
  group: { means: "a group of failures", one: true, needs: "group" },
  priority: { means: "its priority", one: true, example: "-5..0", needs: "min_priority" },
  attempt: { means: "how many attempts have begun", one: true, example: "2..", needs: "min_attempt" },
  added: { means: "when it was added", one: true, example: "-2h" },
  ended: { means: "when it ended", one: true, example: "-1d", needs: "ended_from" },
  took: { means: "how long its last attempt took", one: true, example: ">5s", needs: "min_took_ms" },
  args: { means: "an argument: args.0.user.id:7", one: true, example: "ada@", needs: "args" },
};

const UNITS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/**
 * Reads a time: `-2h` before now, a date, or a date with a time.
 * @returns {string|null} RFC 3339
 */
export function readTime(text, now) {
  const ago = /^-(\d+(?:\.\d+)?)([smhdw])$/.exec(text);
  if (ago) return new Date(now - Number(ago[1]) * UNITS[ago[2]]).toISOString();
  if (!/^\d{4}-\d{2}-\d{2}/.test(text)) return null;
  const time = Date.parse(text.length === 10 ? `${text}T00:00:00` : text);
  return Number.isNaN(time) ? null : new Date(time).toISOString();
}

/** Reads a range of times: `-2h`, `2026-11-24..`, `a..b`. */
function readTimes(value, now) {
  const [first, last] = value.includes("..") ? value.split("..") : [value, ""];
  const read = [first, last].map((text) => (text ? readTime(text, now) : ""));
  return read.includes(null) ? null : read;
}

/** Reads a JSON pointer of `args.0.user.id`, with dots in keys as `\.`. */
function pointer(path) {
  const parts = path.split(".").map((part) => part.replaceAll("~", "~0").replaceAll("/", "~1"));
  return parts.map((part) => `/${part}`).join("");
}

/** Reads a value of an argument: JSON, or a text. */
function jsonValue(text) {
  try {
    JSON.parse(text);
    return text;
  } catch {
    return JSON.stringify(text);
  }
}

/** Reads a length of time as milliseconds. */
function milliseconds(text) {
  const found = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
  return found ? String(Math.round(Number(found[1]) * (UNITS[found[2]] ?? 1))) : null;
}

/**
 * Reads a range: `5..9`, `5..`, `..9`, `>5`, `<9`, or one value.
 * @param {(text: string) => string|null} read
 * @returns {[string, string]|null} the least and the most; empty without one
 */
function range(value, read) {
  const [, sign, rest] = /^([<>]?)=?(.*)$/.exec(value);
  const parts = sign === ">" ? [rest, ""] : sign === "<" ? ["", rest] : rest.includes("..") ? rest.split("..") : [rest, rest];
  const found = parts.map((text) => (text === "" ? "" : read(text)));
  return found.includes(null) || found.join("") === "" ? null : found;
}

/** Ranges: what the API calls their ends, how they are read, and an example. */
const RANGES = {
  took: { end: "took_ms", read: milliseconds, example: ">5s or 100ms..2s" },
  priority: { end: "priority", read: (text) => (/^-?\d+$/.test(text) ? text : null), example: "-5..0" },
  attempt: { end: "attempt", read: (text) => (/^\d+$/.test(text) ? text : null), example: "2.." },
};

/**
 * Makes a filter into the API's parameters.
 * @param {string} text
 * @param {{now: number, has: (filter: string) => boolean}} host
 * @returns {{pairs: [string, string][], problems: {from: number, to: number, why: string}[], tasks: string[]}}
 */
export function toParameters(text, host) {
  const pairs = [];
  const args = [];
  const problems = [];
  const terms = parseFilter(text);
  const tasks = terms.filter(({ key, not }) => key === "task" && !not).flatMap(({ values }) => values);
  for (const term of terms) {
    const [name, ...path] = term.key.split(".");
    const problem = check(term, name, host) ?? put(term, name, path.join("."), { pairs, args, tasks, ...host });
    if (problem) problems.push({ from: term.from, to: term.to, why: problem });
  }
  // With the digits of the values as they were written.
  if (args.length > 0) pairs.push(["args", `{${args.map(([place, value]) => `${JSON.stringify(place)}:${value}`).join(",")}}`]);
  return { pairs, problems, tasks };
}

function check({ not, values, key }, name, host) {
  const word = WORDS[name];
  if (!word) return `\`${name}\` is not a qualifier; ${nearest(name)}`;
  if (word.needs && !host.has(word.needs)) return `this host cannot filter by \`${name}\``;
  if (not && !word.values) return `\`${name}\` cannot be excluded`;
  if (key.includes(".") && name !== "args") return `\`${name}\` has no parts`;
  if (values[0] === "") return `\`${name}\` has no value`;
  if (word.one && values.length > 1) return `\`${name}\` takes one value`;
  const wrong = word.values && values.find((value) => !word.values.some((one) => one.toLowerCase() === value.toLowerCase()));
  return wrong ? `\`${wrong}\` is none of ${word.values.join(", ")}` : null;
}

function nearest(name) {
  const close = Object.keys(WORDS).find((word) => word.startsWith(name.slice(0, 2)) && name.length > 1);
  return close ? `is \`${close}\` meant?` : `these are: ${Object.keys(WORDS).join(", ")}`;
}

/** Adds the parameters of a term; returns why it is wrong. */
function put({ values, not }, name, path, { pairs, args, tasks, now, has }) {
  const word = WORDS[name];
  if (word.values) {
    const given = word.values.filter((one) => values.some((value) => value.toLowerCase() === one.toLowerCase()));
    const wanted = not ? word.values.filter((one) => !given.includes(one)) : given;
    // Hosts of before took a single status.
    if (name === "status" && wanted.length > 1 && !has("reason")) return "this host takes one status";
    pairs.push([name, wanted.join(",")]);
    return null;
  }
  switch (name) {
    case "added":
    case "ended": {
      const times = readTimes(values[0], now);
      if (!times) return `\`${values[0]}\` is not a time; write -2h, 2026-11-24 or 2026-11-24T10:00..`;
      if (times[0]) pairs.push([`${name}_from`, times[0]]);
      if (times[1]) pairs.push([`${name}_before`, times[1]]);
      return null;
    }
    case "id": {
      if (tasks.length !== 1 && values.some((value) => !value.includes(":"))) return "say in which task: task:mail.send id:7";
      pairs.push(["ids", values.map((value) => (value.includes(":") ? value : `${tasks[0]}:${value}`)).join(",")]);
      return null;
    }
    case "args":
      if (path) args.push([pointer(path), jsonValue(values[0])]);
      else pairs.push(["args_text", values[0]]);
      return null;
    case "took":
    case "priority":
    case "attempt": {
      const { end, read, example } = RANGES[name];
      const found = range(values[0], read);
      if (!found) return `\`${values[0]}\` is no such range; write ${example}`;
      if (found[0]) pairs.push([`min_${end}`, found[0]]);
      if (found[1]) pairs.push([`max_${end}`, found[1]]);
      return null;
    }
    default:
      pairs.push([name, values.join(",")]);
      return null;
  }
}

/** Conditions of a bulk action whose values are lists. */
const LISTS = new Set(["task", "status", "reason", "code", "ids"]);

/** Makes parameters into the `where` of a bulk action. */
export function toWhere(pairs) {
  const where = {};
  for (const [name, value] of pairs) {
    if (LISTS.has(name)) where[name] = value.split(",");
    else if (name === "args") where.args = parse(value);
    else where[name] = /^(min|max)_/.test(name) ? Number(value) : value;
  }
  return where;
}

/**
 * Returns what may be written at a position: words, or values of a word.
 * @param {{text: string, position: number, known: Record<string, string[]>, has: (filter: string) => boolean}} place
 * @returns {{from: number, to: number, options: {insert: string, label: string, means: string}[]}}
 */
export function completions({ text, position, known, has }) {
  const term = parseFilter(text).find(({ from, to }) => position > from && position <= to);
  if (!term || term.bare) {
    const typed = term ? text.slice(term.from, position).replace(/^-/, "").toLowerCase() : "";
    const from = term ? term.from : position;
    const fits = ([word, { needs }]) => word.startsWith(typed) && (!needs || has(needs));
    const options = Object.entries(WORDS).filter(fits).map(([word, { means, example }]) => ({
      insert: word === "args" ? "args." : `${word}:`,
      label: `${word}:`,
      means: example ? `${means} — ${word}:${example}` : means,
    }));
    return { from, to: term ? term.to : position, options };
  }
  const before = text.slice(term.valueFrom, position);
  const typed = before.slice(before.lastIndexOf(",") + 1).replaceAll("\"", "").toLowerCase();
  const all = WORDS[term.key]?.values ?? known[term.key] ?? [];
  const options = all.filter((value) => value.toLowerCase().includes(typed)).slice(0, 12);
  return {
    from: position - (before.length - before.lastIndexOf(",") - 1),
    to: term.to,
    options: options.map((value) => ({ insert: `${/[\s",]/.test(value) ? JSON.stringify(value) : value} `, label: value, means: "" })),
  };
}
