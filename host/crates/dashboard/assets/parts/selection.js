// The bar below a list: what is selected, and what is done with it.

import { Action } from "./action.js";
import { html } from "./html.js";
import { count } from "./span.js";

export function Selection({ rows, selected, setSelected, isAll, setAll, canAll, onAction, lookedAt, next, isLoading, lookFurther, keyOf }) {
  const isEvery = rows.length > 0 && rows.every((job) => selected.has(keyOf(job)));
  const toggle = () => {
    setAll(false);
    setSelected(isEvery ? new Set() : new Set(rows.map(keyOf)));
  };
  const why = isAll || selected.size > 0 ? null : "select jobs first";
  return html`<div class="selection" role="toolbar" aria-label="Selection">
    <label class="check"><input type="checkbox" checked=${isEvery || isAll} onChange=${toggle} />${isAll ? "all that match" : `${count(selected.size)} selected`}</label>
    ${canAll && selected.size > 0 && !isAll && html`<button type="button" class="plain" onClick=${() => setAll(true)}>all that match the filter</button>`}
    ${isAll && html`<button type="button" class="plain" onClick=${() => setAll(false)}>only the ${count(selected.size)} selected</button>`}
    <${Action} why=${why} run=${() => onAction("retry")}>↻ Retry…<//>
    <${Action} why=${why} run=${() => onAction("cancel")}>✕ Cancel…<//>
    <${Action} why=${why} run=${() => onAction("delete")}>Delete…<//>
    <span class="push hint">${count(rows.length)} shown${lookedAt > 0 ? `, looked at ${count(lookedAt)}` : ""}
      ${next ? html` <button type="button" class="plain" onClick=${lookFurther}>${isLoading ? "loading…" : "older ▾"}</button>` : ", all there are"}</span>
  </div>`;
}
