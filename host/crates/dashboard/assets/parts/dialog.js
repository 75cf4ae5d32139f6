// Dialogs: the browser's own, which keep the focus and give it back. `confirm` asks before something that cannot be undone.

import { useEffect, useId, useRef, useState } from "preact/hooks";

import { createStore, useStore } from "../live/store.js";
import { html } from "./html.js";

/** A dialog that is open as long as it is rendered. */
export function Dialog({ title, onClose, children, isModal = true }) {
  const ref = useRef(null);
  const id = useId();
  useEffect(() => {
    const dialog = ref.current;
    const before = document.activeElement;
    if (isModal) dialog.showModal();
    else dialog.show();
    return () => {
      dialog.close();
      before?.focus?.();
    };
  }, []);
  const cancel = (event) => {
    event.preventDefault();
    onClose?.();
  };
  return html`<dialog ref=${ref} aria-labelledby=${id} onCancel=${cancel}>
    <h2 id=${id}>${title}</h2>
    ${children}
  </dialog>`;
}

const store = createStore({ asked: null });

/**
 * Asks whether to go on.
 * @param {{title: string, body: any, action: string, isDestructive?: boolean, phrase?: string}} question `phrase` has to be typed
 * @returns {Promise<boolean>}
 */
export function confirm(question) {
  return new Promise((resolve) => store.set({ asked: { ...question, resolve } }));
}

/** The place of the question; there is one at a time. */
export function Questions() {
  const asked = useStore(store, (state) => state.asked);
  if (!asked) return null;
  const answer = (value) => {
    store.set({ asked: null });
    asked.resolve(value);
  };
  return html`<${Question} ...${asked} answer=${answer} />`;
}

function Question({ title, body, action, isDestructive, phrase, answer }) {
  const [typed, setTyped] = useState("");
  const id = useId();
  const isReady = !phrase || typed.trim() === phrase;
  const submit = (event) => {
    event.preventDefault();
    if (isReady) answer(true);
  };
  return html`<${Dialog} title=${title} onClose=${() => answer(false)}>
    <form onSubmit=${submit}>
      ${body}
      ${phrase && html`<label class="field" for=${id}>Type ${phrase} to go on
        <input id=${id} value=${typed} onInput=${(event) => setTyped(event.target.value)} autocomplete="off" inputmode="numeric" />
      </label>`}
      <div class="actions">
        <button type="button" onClick=${() => answer(false)}>Leave it</button>
        <button class=${isDestructive ? "destructive" : "primary"} aria-disabled=${!isReady}>${action}</button>
      </div>
    </form>
  <//>`;
}
