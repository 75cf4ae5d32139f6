// Text of guests: shown as text, in its own direction, with marks that would turn or hide other text spelt out.

import { html } from "./html.js";

/** Control characters other than line breaks and tabs, and marks of direction that reach beyond their text. */
const MARKS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu;

/**
 * Takes a text apart into plain pieces and marks.
 * @param {string} text
 * @returns {{text: string, isMark: boolean}[]}
 */
export function pieces(text) {
  const found = [];
  let from = 0;
  for (const { 0: mark, index } of text.matchAll(MARKS)) {
    if (index > from) found.push({ text: text.slice(from, index), isMark: false });
    found.push({ text: `U+${mark.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`, isMark: true });
    from = index + mark.length;
  }
  if (from < text.length) found.push({ text: text.slice(from), isMark: false });
  return found;
}

/** Returns a text with its marks spelt out, for places that take no elements. */
export function plainText(text) {
  return pieces(String(text ?? "")).map((piece) => piece.text).join("");
}

/** A text of a guest. `mark` is a text to be marked in it, in any case. */
export function Guest({ text, mark = "" }) {
  const all = pieces(String(text ?? ""));
  return html`<bdi class="guest">${all.map((piece) => (piece.isMark ? html`<span class="spelt-out">${piece.text}</span>` : marked(piece.text, mark)))}</bdi>`;
}

function marked(text, mark) {
  if (!mark) return text;
  const [low, wanted] = [text.toLowerCase(), mark.toLowerCase()];
  const found = [];
  let from = 0;
  for (let at = low.indexOf(wanted); at >= 0; at = low.indexOf(wanted, at + wanted.length)) {
    found.push(text.slice(from, at), html`<mark>${text.slice(at, at + wanted.length)}</mark>`);
    from = at + wanted.length;
  }
  return [...found, text.slice(from)];
}
