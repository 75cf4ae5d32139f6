// Short messages about what somebody did: said by screen readers, gone by themselves unless something failed.

import { createStore, useStore } from "../live/store.js";
import { html } from "./html.js";

const SHOWN_MS = 6_000;
const store = createStore({ all: [] });
let last = 0;

/** @param {"success"|"failure"} kind */
export function toast(text, kind = "success", link = null) {
  last += 1;
  const one = { id: last, text, kind, link };
  store.set({ all: [...store.get().all.slice(-3), one] });
  if (kind === "success") setTimeout(() => dismiss(one.id), SHOWN_MS);
}

function dismiss(id) {
  store.set({ all: store.get().all.filter((one) => one.id !== id) });
}

/** Says why something failed. */
export function toastProblem(what, problem) {
  toast(`${what}: ${problem.detail ?? problem.message} (${problem.code ?? "error"})`, "failure");
}

export function Toasts() {
  const all = useStore(store, (state) => state.all);
  return html`<div class="toasts" role="status" aria-live="polite">
    ${all.map(({ id, text, kind, link }) => html`<div class="toast ${kind}" key=${id}>
      <span><bdi>${text}</bdi>${link && html` <a href=${link.to}>${link.text}</a>`}</span>
      <button type="button" class="plain push" aria-label="Dismiss" onClick=${() => dismiss(id)}>✕</button>
    </div>`)}
  </div>`;
}
