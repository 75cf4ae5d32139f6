// What was changed in a JSON value, as places and their new values.

import { Exact, pointerSegment } from "../wire/json.js";

const isTree = (value) => value !== null && typeof value === "object" && !(value instanceof Exact);

function isEqual(one, other) {
  if (one instanceof Exact || other instanceof Exact) return String(one) === String(other) && typeof one === typeof other;
  return one === other;
}

/**
 * Returns the smallest places whose replacement makes one value into the other.
 * @returns {{path: string, value: any}[]}
 */
export function replacements(before, now, path = "") {
  if (!isTree(before) || !isTree(now)) return isTree(before) === isTree(now) && isEqual(before, now) ? [] : [{ path, value: now }];
  const [keys, others] = [Object.keys(before), Object.keys(now)];
  const isAlike = Array.isArray(before) === Array.isArray(now) && keys.length === others.length && keys.every((key) => Object.hasOwn(now, key));
  if (!isAlike) return [{ path, value: now }];
  return keys.flatMap((key) => replacements(before[key], now[key], `${path}/${pointerSegment(key)}`));
}
