// Whether somebody may be looking: a tab that is hidden for ten seconds closes its streams and stops its timers.

import { createStore } from "./store.js";

const HIDDEN_MS = 10_000;

export const awake = createStore({ isAwake: true });

/** Begins to watch whether the tab is visible. */
export function watchVisibility() {
  let timer = 0;
  const look = () => {
    clearTimeout(timer);
    if (document.visibilityState === "visible") {
      if (!awake.get().isAwake) awake.set({ isAwake: true });
      return;
    }
    timer = setTimeout(() => awake.set({ isAwake: false }), HIDDEN_MS);
  };
  document.addEventListener("visibilitychange", look);
  look();
}
