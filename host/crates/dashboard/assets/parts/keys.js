// Keys: what they do at the moment, and the list of them for the help. None acts in a text field; one-letter keys can be off.

import { useEffect, useRef } from "preact/hooks";

import { preferences } from "../live/preferences.js";

/** Milliseconds in which the second key of a pair follows the first. */
const PAIR_MS = 1_200;

const layers = [];
let first = null;
let firstAt = 0;

/** Returns what is bound, the latest first: `[key, what it does]`. */
export function boundKeys() {
  const found = new Map();
  for (const layer of [...layers].reverse()) {
    for (const [key, { means }] of Object.entries(layer.current)) if (!found.has(key)) found.set(key, means);
  }
  return [...found];
}

/**
 * Binds keys as long as a component is there.
 * @param {Record<string, {means: string, run: (event: KeyboardEvent) => void}>} bindings such as `g o`, `j`, `Enter`
 */
export function useKeys(bindings) {
  const layer = useRef(bindings);
  layer.current = bindings;
  useEffect(() => {
    layers.push(layer);
    return () => layers.splice(layers.indexOf(layer), 1);
  }, []);
}

function isText(target) {
  const name = target?.tagName;
  if (name === "INPUT") return !["checkbox", "radio", "button"].includes(target.type);
  return name === "TEXTAREA" || name === "SELECT" || target?.isContentEditable === true;
}

function find(key) {
  for (const layer of [...layers].reverse()) if (layer.current[key]) return layer.current[key];
  return null;
}

/** Whether a key of that name begins a pair. */
function begins(key) {
  return layers.some((layer) => Object.keys(layer.current).some((name) => name.startsWith(`${key} `)));
}

function onKeyDown(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isText(event.target)) return;
  if (document.querySelector("dialog[open]")) return;
  const { key } = event;
  if (key.length === 1 && !preferences.get().keys) return;
  // Buttons and links have their own use of it.
  if ((key === "Enter" || key === " ") && ["A", "BUTTON", "SUMMARY", "INPUT"].includes(event.target?.tagName)) return;
  const isSecond = first !== null && Date.now() - firstAt < PAIR_MS;
  const bound = (isSecond && find(`${first} ${key}`)) || find(key);
  first = null;
  if (bound) {
    event.preventDefault();
    bound.run(event);
  } else if (begins(key)) {
    first = key;
    firstAt = Date.now();
  }
}

/** Begins to listen. */
export function listenToKeys() {
  addEventListener("keydown", onKeyDown);
}
