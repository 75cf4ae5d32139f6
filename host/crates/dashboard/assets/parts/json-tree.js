// JSON as a tree that folds, with every digit as it was written; two levels are open, the rest on demand.

import { useMemo, useState } from "preact/hooks";

import { Exact, parse, pointerSegment } from "../wire/json.js";
import { Copy } from "./copy.js";
import { Guest } from "./guest.js";
import { html } from "./html.js";
import { bytes, counted } from "./span.js";

/** Texts beyond this are shown as text, because a tree of them is slow. */
const TREE_BYTES = 4 * 1024 * 1024;
const TEXT_BYTES = 256 * 1024;
/** Items of a level that are shown at once. */
const ITEMS = 100;
const OPEN_LEVELS = 2;

function isMasked(value, path, masked) {
  return masked.has(path) || value === "…masked";
}

function Leaf({ value }) {
  if (typeof value === "string") return html`<span class="string">"<${Guest} text=${value} />"</span>`;
  if (typeof value === "number" || value instanceof Exact) return html`<span class="number">${String(value)}</span>`;
  return html`<span class="word">${String(value)}</span>`;
}

function Node({ name, value, depth, path, masked }) {
  const [isOpen, setOpen] = useState(depth < OPEN_LEVELS);
  const [shown, setShown] = useState(ITEMS);
  const label = name === null ? null : html`<span class="key">${typeof name === "number" ? name : html`<${Guest} text=${name} />`}</span>: `;
  if (isMasked(value, path, masked)) return html`<li>${label}<span class="masked">masked</span></li>`;
  if (value === null || typeof value !== "object" || value instanceof Exact) return html`<li>${label}<${Leaf} value=${value} /></li>`;
  const isArray = Array.isArray(value);
  const entries = isArray ? value.map((item, at) => [at, item]) : Object.entries(value);
  const [open, close] = isArray ? "[]" : "{}";
  if (entries.length === 0) return html`<li>${label}${open}${close}</li>`;
  return html`<li><details open=${isOpen} onToggle=${(event) => setOpen(event.currentTarget.open)}>
    <summary>${label}${open}${isOpen ? "" : "…"} <span class="hint">${counted(entries.length, isArray ? "item" : "member")}</span></summary>
    ${isOpen && html`<ul>
      ${entries.slice(0, shown).map(([key, item]) => html`<${Node} key=${key} name=${key} value=${item} depth=${depth + 1} path=${`${path}/${pointerSegment(key)}`} masked=${masked} />`)}
      ${entries.length > shown && html`<li><button type="button" class="plain" onClick=${() => setShown(shown + 10 * ITEMS)}>${counted(entries.length - shown, "more")}</button></li>`}
    </ul>`}
  </details></li>`;
}

/**
 * @param {{text: string, what: string, masked?: string[]}} props `text` is shown and copied as it was written
 */
export function JsonTree({ text, what, masked = [] }) {
  const isLarge = text.length > TREE_BYTES;
  const [isText, setText] = useState(isLarge);
  const [isWhole, setWhole] = useState(false);
  const value = useMemo(() => {
    try {
      return isText ? undefined : parse(text);
    } catch {
      return undefined;
    }
  }, [text, isText]);
  const paths = useMemo(() => new Set(masked), [masked.join("\n")]);
  const size = useMemo(() => new Blob([text]).size, [text]);
  const isTree = !isText && value !== undefined;
  return html`<div>
    <div class="row"><h2>${what} <span class="hint">(${bytes(size)})</span></h2><span class="push row">
      ${!isLarge && html`<button type="button" class="plain" aria-pressed=${!isTree} onClick=${() => setText(!isText)}>as text</button>`}
      <${Copy} text=${text} what=${`the ${what}`} /></span></div>
    ${isTree
      ? html`<div class="tree"><ul><${Node} name=${null} value=${value} depth=${0} path="" masked=${paths} /></ul></div>`
      : html`<pre><${Guest} text=${isWhole ? text : text.slice(0, TEXT_BYTES)} /></pre>
        ${!isWhole && text.length > TEXT_BYTES && html`<button type="button" onClick=${() => setWhole(true)}>Show the rest (${bytes(size - TEXT_BYTES)})</button>`}`}
  </div>`;
}
