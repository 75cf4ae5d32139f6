// A form made from a JSON Schema of arguments.

import { useId } from "preact/hooks";

import { html } from "./html.js";
import { fieldsOf, wrong } from "./schema.js";

function Input({ field, text, onText, id, isWrong }) {
  const common = { id, value: text, "aria-invalid": isWrong, "aria-describedby": `${id}-hint`, onInput: (event) => onText(event.target.value) };
  switch (field.kind) {
    case "choice":
      return html`<select ...${common} onChange=${common.onInput}><option value="">–</option>
        ${field.schema.enum.map((one) => html`<option key=${JSON.stringify(one)} value=${JSON.stringify(one)}>${String(one)}</option>`)}</select>`;
    case "switch":
      return html`<select ...${common} onChange=${common.onInput}><option value="">–</option><option value="true">true</option><option value="false">false</option></select>`;
    case "json":
      return html`<textarea ...${common} rows="3" spellcheck="false"></textarea>`;
    default:
      return html`<input ...${common} type="text" inputmode=${field.kind === "number" ? "decimal" : undefined} spellcheck="false" autocomplete="off" />`;
  }
}

/** @param {{schema: any, texts: Record<string, string>, onTexts: (texts: Record<string, string>) => void}} props */
export function SchemaForm({ schema, texts, onTexts }) {
  const id = useId();
  return html`${fieldsOf(schema).map((field, at) => {
    const own = `${id}-${at}`;
    const text = texts[field.path] ?? "";
    const problem = wrong(field, text);
    return html`<label class="field" key=${field.path} for=${own}>
      <span>${field.label}${field.isRequired ? "" : html` <span class="hint">optional</span>`}</span>
      <${Input} field=${field} text=${text} id=${own} isWrong=${Boolean(text && problem)} onText=${(value) => onTexts({ ...texts, [field.path]: value })} />
      <span class="hint" id=${`${own}-hint`}>${text && problem ? html`<span class="bad">${problem}</span>` : field.hint}</span>
    </label>`;
  })}`;
}
