// The help: which keys do what at the moment, and the language of filters.

import { preferences, prefer } from "../live/preferences.js";
import { useStore } from "../live/store.js";
import { WORDS } from "../route/words.js";
import { Dialog } from "./dialog.js";
import { html } from "./html.js";
import { boundKeys } from "./keys.js";

export function Help({ onClose }) {
  const keys = useStore(preferences, (kept) => kept.keys);
  return html`<${Dialog} title="Keys and filters" onClose=${onClose}>
    <dl class="facts">
      ${boundKeys().map(([key, means]) => html`<dt key=${key}>${key.split(" ").map((one) => html`<kbd>${one}</kbd> `)}</dt><dd>${means}</dd>`)}
    </dl>
    <label class="check"><input type="checkbox" checked=${keys} onChange=${(event) => prefer({ keys: event.target.checked })} />One-letter keys act</label>
    <h2>Filters</h2>
    <p><code>key:value</code>; <code>a,b</code> is one of several; <code>-key:</code> is not; quotes for blanks; a bare word is <code>text:</code>.</p>
    <dl class="facts">
      ${Object.entries(WORDS).map(([word, { means, example }]) => html`<dt key=${word}><code>${word}:</code></dt><dd>${means}${example && html` <code>${word}:${example}</code>`}</dd>`)}
    </dl>
    <div class="actions"><button type="button" class="primary" onClick=${onClose}>Close</button></div>
  <//>`;
}
