// What a page shows in place of data: while it loads, when there is none, and when asking failed.

import { useSecond } from "./timestamp.js";
import { Copy } from "./copy.js";
import { Guest } from "./guest.js";
import { html } from "./html.js";

/** Grey rows of the height of what will come; seen only if that takes a while. */
export function Skeleton({ rows = 5 }) {
  return html`<div aria-busy="true" aria-label="loading">
    ${Array.from({ length: rows }, (_, at) => html`<div class="skeleton" key=${at}></div>`)}
  </div>`;
}

/** Why there is nothing, and what to do next. */
export function Empty({ title, children, line, what = "the command" }) {
  return html`<div class="empty panel">
    <p><strong>${title}</strong></p>
    ${children}
    ${line && html`<div class="row"><pre>${line}</pre><${Copy} text=${line} what=${what} /></div>`}
  </div>`;
}

/** A problem, with the time of the next try. What was known stays beside it. */
export function Failed({ problem, again, retryAt = null, what = "This" }) {
  useSecond(retryAt !== null);
  if (!problem) return null;
  const seconds = retryAt === null ? null : Math.max(0, Math.ceil((retryAt - Date.now()) / 1_000));
  return html`<div class="message failure" role="alert">
    <span>${what} could not be loaded: <${Guest} text=${problem.detail} /> <code>${problem.code}</code></span>
    ${seconds !== null && html`<span class="muted">trying again in ${seconds} s</span>`}
    ${again && html`<button type="button" class="push" onClick=${again}>Try again</button>`}
  </div>`;
}

/** What a look-up shows: its problem, then its content or what stands for it. */
export function Looked({ look, rows, what, children }) {
  const { data, problem, isLoading, retryAt, again } = look;
  return html`
    <${Failed} problem=${problem} retryAt=${retryAt} again=${again} what=${what} />
    ${data ? children(data) : isLoading && !problem ? html`<${Skeleton} rows=${rows} />` : null}
  `;
}
