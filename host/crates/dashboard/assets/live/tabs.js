// Visible tabs of one browser count each other: a browser opens six connections to a host, and a stream holds one. So the first
// four may stream, and the others ask again and again; two connections stay free.

import { createStore } from "./store.js";

const STREAMING = 4;
const CALL_MS = 2_000;
const FORGET_MS = 5_000;

/** Returns the place of a tab among those that were heard of lately: 0 is the first. */
export function place(own, others, now) {
  const alive = [...others].filter(([, { heard }]) => now - heard < FORGET_MS);
  const isBefore = ([id, { since }]) => since < own.since || (since === own.since && id < own.id);
  return alive.filter(isBefore).length;
}

export const tabs = createStore({ mayStream: true, place: 0 });

/** Begins to count. Without `BroadcastChannel`, each tab streams. */
export function watchTabs() {
  if (typeof BroadcastChannel !== "function") return;
  const channel = new BroadcastChannel("saggar");
  const own = { id: String(Math.random()).slice(2), since: Date.now() };
  const others = new Map();
  const isVisible = () => document.visibilityState === "visible";
  const look = () => {
    const at = place(own, others, Date.now());
    if (at !== tabs.get().place) tabs.set({ place: at, mayStream: at < STREAMING });
  };
  const call = () => {
    if (isVisible()) channel.postMessage({ ...own });
    look();
  };
  channel.onmessage = ({ data }) => {
    if (typeof data?.id !== "string") return;
    if (data.gone) others.delete(data.id);
    else {
      // A tab that has just been opened hears of this one at once.
      if (!others.has(data.id) && isVisible()) channel.postMessage({ ...own });
      others.set(data.id, { since: data.since, heard: Date.now() });
    }
    look();
  };
  const leave = () => channel.postMessage({ id: own.id, gone: true });
  document.addEventListener("visibilitychange", () => (isVisible() ? call() : leave()));
  addEventListener("pagehide", leave);
  setInterval(call, CALL_MS);
  call();
}
