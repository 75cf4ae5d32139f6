// What somebody prefers in this browser: theme, time zone, density, keys, how often to ask.

import { createStore } from "./store.js";

const KEY = "saggar.preferences";

const DEFAULTS = {
  /** @type {"system"|"light"|"dark"} */
  theme: "system",
  /** `relative`, `local`, or the name of a zone such as `UTC`. */
  zone: "relative",
  dense: false,
  /** Whether one-letter keys act. */
  keys: true,
  /** Whether to follow by a stream where the host has one. */
  streams: true,
  pollSeconds: 2,
  /** Whether lists show the beginning of arguments. */
  listArgs: false,
};

function read() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    const isLike = ([key, value]) => typeof value === typeof DEFAULTS[key];
    return { ...DEFAULTS, ...Object.fromEntries(Object.entries(kept).filter(isLike)) };
  } catch {
    return { ...DEFAULTS };
  }
}

export const preferences = createStore(read());

/** Shows the page as preferred. */
export function applyPreferences() {
  const { theme, dense } = preferences.get();
  const { classList } = document.documentElement;
  classList.toggle("theme-light", theme === "light");
  classList.toggle("theme-dark", theme === "dark");
  classList.toggle("dense", dense);
}

/** Changes preferences, and keeps them. */
export function prefer(patch) {
  preferences.set(patch);
  try {
    localStorage.setItem(KEY, JSON.stringify(preferences.get()));
  } catch {
    // Without storage they last as long as the page.
  }
  applyPreferences();
}

/** Takes the next of some values. */
export function cycle(name, values) {
  const at = values.indexOf(preferences.get()[name]);
  const value = values[(at + 1) % values.length];
  prefer({ [name]: value });
  return value;
}
