// The filter: a text field with completion of words and of values that were seen, and what is wrong with it below.

import { useEffect, useId, useRef, useState } from "preact/hooks";

import { completions } from "../route/words.js";
import { classes, html } from "./html.js";

/**
 * @param {{text: string, problems: {from: number, to: number, why: string}[], known: Record<string, string[]>,
 *   has: (filter: string) => boolean, onFilter: (text: string) => void, onHelp?: () => void}} props
 */
export function FilterBar({ text, problems, known, has, onFilter }) {
  const [draft, setDraft] = useState(text);
  const [open, setOpen] = useState(null);
  const [at, setAt] = useState(-1);
  const input = useRef(null);
  const id = useId();
  useEffect(() => setDraft(text), [text]);
  const offer = (value) => {
    const position = input.current?.selectionStart ?? value.length;
    const found = completions({ text: value, position, known, has });
    setOpen(found.options.length > 0 ? found : null);
    setAt(-1);
  };
  const take = (option) => {
    const value = draft.slice(0, open.from) + option.insert + draft.slice(open.to).replace(/^ /, "");
    const position = open.from + option.insert.length;
    setDraft(value);
    setOpen(null);
    requestAnimationFrame(() => {
      input.current?.focus();
      input.current?.setSelectionRange(position, position);
      if (/[:.]$/.test(option.insert)) offer(value);
    });
  };
  const onKeyDown = (event) => {
    const moves = { ArrowDown: 1, ArrowUp: -1 };
    if (open && event.key in moves) {
      event.preventDefault();
      const count = open.options.length;
      setAt((at + moves[event.key] + count + (at < 0 && event.key === "ArrowUp" ? 1 : 0)) % count);
    } else if (event.key === "ArrowDown") offer(draft);
    else if (event.key === "Escape" && open) {
      event.preventDefault();
      setOpen(null);
    } else if (event.key === "Escape") input.current.blur();
    else if ((event.key === "Enter" || event.key === "Tab") && open && at >= 0) {
      event.preventDefault();
      take(open.options[at]);
    }
  };
  const submit = (event) => {
    event.preventDefault();
    setOpen(null);
    onFilter(draft.trim());
  };
  const clear = () => {
    setDraft("");
    onFilter("");
    input.current.focus();
  };
  return html`<form class="filter" role="search" onSubmit=${submit}>
    <input ref=${input} id="filter" type="text" value=${draft} spellcheck="false" autocomplete="off" autocapitalize="off" placeholder="status:FAILURE task:mail.* added:-2h"
      aria-label="Filter" role="combobox" aria-autocomplete="list" aria-expanded=${Boolean(open)} aria-controls=${`${id}-options`}
      aria-activedescendant=${open && at >= 0 ? `${id}-${at}` : undefined} aria-invalid=${problems.length > 0}
      onInput=${(event) => {
        setDraft(event.target.value);
        offer(event.target.value);
      }} onKeyDown=${onKeyDown} onFocus=${() => offer(draft)} onBlur=${() => setTimeout(() => setOpen(null), 150)} />
    ${open && html`<ul class="options" role="listbox" id=${`${id}-options`} aria-label="Completions">
      ${open.options.map((option, index) => html`<li key=${option.insert} id=${`${id}-${index}`} role="option" aria-selected=${index === at}
        onPointerDown=${(event) => {
          event.preventDefault();
          take(option);
        }}><span class="mono"><bdi>${option.label}</bdi></span><span class="hint">${option.means}</span></li>`)}
    </ul>`}
    ${draft && html`<button type="button" onClick=${clear} aria-label="Clear the filter" title="Clear the filter">✕</button>`}
    <button class=${classes(draft.trim() !== text && "primary")}>Filter</button>
  </form>
  ${problems.length > 0 && html`<div class="message failure" role="alert"><code>${underlined(text, problems)}</code>
    <span>${problems.map(({ why }) => why).join("; ")}</span></div>`}`;
}

/** Returns the text with its wrong terms marked. */
function underlined(text, problems) {
  const found = [];
  let at = 0;
  for (const { from, to } of [...problems].sort((one, other) => one.from - other.from)) {
    found.push(text.slice(at, from), html`<mark class="wrong">${text.slice(from, to)}</mark>`);
    at = to;
  }
  return [...found, text.slice(at)];
}
