// The language of filters: text to terms and back, with the place of each term, so that a wrong one can be underlined.
//
// `key:value` has a key; `a,b` is one of several; `-key:` is not; quotes allow blanks; a bare word is `text:`.

/** @typedef {{key: string, values: string[], not: boolean, bare: boolean, from: number, to: number, valueFrom: number}} Term */

const KEY = /^-?[a-z_]+(\.[^\s:"]+)?:/i;

/**
 * @param {string} text
 * @returns {Term[]}
 */
export function parseFilter(text) {
  const terms = [];
  let at = 0;
  while (at < text.length) {
    if (/\s/.test(text[at])) {
      at += 1;
      continue;
    }
    const term = readTerm(text, at);
    terms.push(term);
    at = Math.max(term.to, at + 1);
  }
  return terms;
}

function readTerm(text, from) {
  const head = KEY.exec(text.slice(from))?.[0] ?? "";
  const not = head.startsWith("-");
  const key = head ? head.slice(not ? 1 : 0, -1) : "text";
  const valueFrom = from + head.length;
  const { values, to } = readValues(text, valueFrom, head !== "");
  const [name, ...rest] = key.split(".");
  const fullKey = [name.toLowerCase(), ...rest].join(".");
  return { key: fullKey, values, not, bare: head === "", from, to, valueFrom };
}

/** Reads values up to a blank outside quotes; commas separate those of a key. */
function readValues(text, from, isList) {
  const values = [""];
  let at = from;
  let isQuoted = false;
  for (; at < text.length; at += 1) {
    const here = text[at];
    if (here === "\\" && isQuoted && at + 1 < text.length) {
      at += 1;
      values[values.length - 1] += text[at];
    } else if (here === "\"") isQuoted = !isQuoted;
    else if (!isQuoted && /\s/.test(here)) break;
    else if (!isQuoted && isList && here === ",") values.push("");
    else values[values.length - 1] += here;
  }
  return { values: values.filter((value, index) => value !== "" || index === 0), to: at };
}

function quoted(value, isBare) {
  const isPlain = /^[^\s",\\]+$/.test(value) && !(isBare && KEY.test(value));
  return isPlain ? value : `"${value.replaceAll("\\", "\\\\").replaceAll("\"", "\\\"")}"`;
}

/** Writes a term. @param {{key: string, values: string[], not?: boolean, bare?: boolean}} term */
export function termText({ key, values, not = false, bare = false }) {
  const all = values.map((value) => quoted(value, bare)).join(",");
  return bare ? all : `${not ? "-" : ""}${key}:${all}`;
}

/** Writes terms, one blank between two. */
export function filterText(terms) {
  return terms.map(termText).join(" ");
}

/** Sets what a filter says of a key; without values, it says nothing of it. */
export function withTerm(text, key, values) {
  const terms = parseFilter(text).filter((term) => term.key !== key);
  if (values.length > 0) terms.push({ key, values, not: false, bare: false });
  return filterText(terms);
}

/** Returns the first values of a key. */
export function valuesOf(text, key) {
  return parseFilter(text).find((term) => term.key === key && !term.not)?.values ?? [];
}

/** Returns the term in which a position is, for completion. */
export function termAt(text, position) {
  return parseFilter(text).find((term) => position >= term.from && position <= term.to) ?? null;
}
