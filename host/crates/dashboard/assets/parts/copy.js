// Copying text. Over plain HTTP there is no clipboard for pages, so the old way is the second one.

import { html } from "./html.js";
import { toast } from "./toast.js";

/** Copies; returns whether that worked. */
export async function copyText(text) {
  try {
    if (navigator.clipboard) {
      await navigator.clipboard.writeText(text);
      return true;
    }
  } catch {
    // Refused; the old way may work.
  }
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  area.readOnly = true;
  // Inside an open dialog, because nothing outside it can have the focus.
  const parent = document.querySelector("dialog[open]") ?? document.body;
  const before = document.activeElement;
  parent.append(area);
  area.select();
  const isDone = document.execCommand("copy");
  area.remove();
  before?.focus?.();
  return isDone;
}

/** A button that copies. `what` is what the text is, for its name. */
export function Copy({ text, what, children = "Copy" }) {
  const run = async () => {
    const isDone = await copyText(typeof text === "function" ? text() : text);
    toast(isDone ? `Copied ${what}` : `${what} cannot be copied here; select the text`, isDone ? "success" : "failure");
  };
  return html`<button type="button" class="plain" onClick=${run} aria-label="Copy ${what}" title="Copy ${what}">${children}</button>`;
}
