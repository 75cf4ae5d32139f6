// The attempts of a job: how each ended, what it cost, which version ran. One opens to all that the host knows of it.

import { useState } from "preact/hooks";

import { has, may } from "../../live/account.js";
import { useLook } from "../../live/look.js";
import { Badge, Bar } from "../../parts/badge.js";
import { Copy } from "../../parts/copy.js";
import { Digest } from "../../parts/digest.js";
import { Looked } from "../../parts/empty.js";
import { Guest } from "../../parts/guest.js";
import { html } from "../../parts/html.js";
import { bytes, count, span } from "../../parts/span.js";
import { Timestamp } from "../../parts/timestamp.js";
import { link } from "../../route/hash.js";
import * as routes from "../../wire/routes.js";

/** Returns the bytes that an attempt may use, of a definition such as `"64MiB"` or a number. */
export function memoryLimit(definition) {
  const given = definition?.sandbox?.memory;
  if (typeof given === "number") return given;
  const found = /^(\d+(?:\.\d+)?)\s*([KMG])?i?B?$/i.exec(String(given ?? ""));
  const units = { K: 1024, M: 1024 ** 2, G: 1024 ** 3 };
  return found ? Number(found[1]) * (units[found[2]?.toUpperCase()] ?? 1) : null;
}

export function Memory({ used, limit }) {
  if (used === null || used === undefined) return html`<span class="muted">–</span>`;
  const part = limit ? Number(used) / Number(limit) : 0;
  return html`<span class="nowrap">${limit && html`<${Bar} part=${part} label="memory" tone=${part > 0.9 ? "bad" : part > 0.75 ? "warn" : undefined} /> `}${bytes(used)}${limit ? ` of ${bytes(limit)}` : ""}</span>`;
}

export function Ending({ ending }) {
  const kind = { success: "success", retry: "delayed", "retry-after": "delayed", requeued: "waiting", running: "running" }[ending] ?? "failure";
  return html`<${Badge} kind=${kind}>${ending}<//>`;
}

/** The frames of a backtrace, the innermost first, as the host gives them. */
export function Frames({ details }) {
  const frames = details?.backtrace;
  if (!Array.isArray(frames) || frames.length === 0) return null;
  return html`<pre class="frames" tabindex="0" aria-label="Backtrace">${frames.map((frame, at) => html`<${Guest} key=${at} text=${typeof frame === "string" ? frame : JSON.stringify(frame)} />${"\n"}`)}</pre>`;
}

/** All that is known of an attempt; hosts of before have it in the list alone. */
function Details({ job, attempt }) {
  const look = useLook(has("attempt") ? routes.attempt(job, attempt.run) : null);
  const known = look.data ?? attempt;
  const { cost, limits } = known;
  return html`<${Looked} look=${has("attempt") ? look : { data: attempt }} rows=${2} what="The attempt">${() => html`
    ${known.problem && html`<p class="bad"><${Guest} text=${known.problem.message} /> <code><${Guest} text=${known.problem.code} /></code></p>`}
    <${Frames} details=${known.problem?.details} />
    <dl class="facts">
      <dt>began</dt><dd><${Timestamp} at=${known.started_at} />${known.start_delay_ms !== undefined ? `, ${span(known.start_delay_ms)} after it could` : ""}</dd>
      <dt>version</dt><dd><${Digest} digest=${cost?.digest} canCopy=${true} />${known.deployment ? html` of deployment ${count(known.deployment)}` : ""}</dd>
      <dt>instance</dt><dd>${instance(known)}${known.slot !== undefined && known.slot !== null ? `, slot ${known.slot}` : ""}</dd>
      ${limits && html`<dt>limits</dt><dd>${span(limits.timeout_ms)}, ${bytes(limits.memory_bytes)}</dd>`}
      ${known.imports && html`<dt>imports</dt><dd>${known.imports.map((one) => html`<code key=${one}><${Guest} text=${one} /></code> `)}</dd>`}
    </dl>
    ${may("admin") && html`<${CaseFile} job=${job} attempt=${attempt} />`}`}<//>`;
}

/** How to make the attempt again on another machine, if it was recorded. */
function CaseFile({ job, attempt }) {
  const [isAsked, setAsked] = useState(false);
  const look = useLook(isAsked ? routes.records(job.task, { limit: 1_000 }) : null);
  if (!isAsked) return html`<button type="button" class="plain" onClick=${() => setAsked(true)}>Was it recorded?</button>`;
  return html`<${Looked} look=${look} rows=${1} what="The list of records">${(data) => {
    const found = data.records.find(({ id, run }) => String(id) === String(job.id) && String(run) === String(attempt.run));
    if (!found) return html`<p class="hint">This attempt has no record${data.next ? " among the last thousand" : ""}; <code>sandbox.record</code> of the task says which attempts are recorded.</p>`;
    const line = `saggar replay ${job.task} ${job.id} --attempt ${attempt.number}`;
    return html`<div class="row"><span>It has a record of ${bytes(found.bytes)}. Make it again with</span><code>${line}</code><${Copy} text=${line} what="the command" /></div>`;
  }}<//>`;
}

function instance({ cost, served }) {
  if (!cost) return "–";
  if (cost.fresh) return "fresh";
  return served ? `warm, its ${count(served)}th call` : "warm";
}

function Row({ job, attempt, limit, lines, current, isOpen, onToggle, onLog, compareWith }) {
  const { cost } = attempt;
  const isOld = current && cost?.digest && cost.digest !== current;
  return html`<tr>
    <td class="number">${count(attempt.number)}</td>
    <td><${Ending} ending=${attempt.ending} /></td>
    <td><${Timestamp} at=${attempt.started_at} /></td>
    <td class="number">${attempt.ended_at ? span(Date.parse(attempt.ended_at) - Date.parse(attempt.started_at)) : "–"}</td>
    <td class="number">${cost ? span(cost.cpu_ms) : "–"}</td>
    <td><${Memory} used=${cost?.peak_memory} limit=${limit} /></td>
    <td class="nowrap">${instance(attempt)}</td>
    <td class="nowrap"><${Digest} digest=${cost?.digest} />${isOld ? html` <span class="hint">(now ${current.slice(0, 8)})</span>` : ""}</td>
    <td class="nowrap"><button type="button" class="plain" onClick=${onLog}>${count(lines)} ${lines === 1 ? "line" : "lines"}</button></td>
    <td class="tight"><button type="button" class="plain" aria-expanded=${isOpen} aria-label=${`Details of attempt ${attempt.number}`} onClick=${onToggle}>${isOpen ? "▾" : "▸"}</button>
      ${compareWith && html`<a href=${link(["compare"], { a: `${job.task}:${job.id}:${compareWith.run}`, b: `${job.task}:${job.id}:${attempt.run}` })} title=${`compare with attempt ${compareWith.number}`} aria-label=${`Compare with attempt ${compareWith.number}`}>⇄</a>`}</td>
  </tr>
  ${isOpen && html`<tr><td colspan="10"><${Details} job=${job} attempt=${attempt} /></td></tr>`}`;
}

export function Attempts({ job, attempts, definition, current, linesOfAttempt, onLog }) {
  const [open, setOpen] = useState(null);
  if (attempts.length === 0) return html`<p class="hint">No attempt has ended yet.</p>`;
  const limit = memoryLimit(definition);
  return html`<div class="scroll" tabindex="0" role="group" aria-label="Attempts"><table>
    <caption class="visually-hidden">Attempts, the newest first</caption>
    <thead><tr><th scope="col" class="number">#</th><th scope="col">ending</th><th scope="col">began</th><th scope="col" class="number">took</th><th scope="col" class="number">CPU</th>
      <th scope="col">peak memory</th><th scope="col">instance</th><th scope="col">version</th><th scope="col">log</th><th><span class="visually-hidden">more</span></th></tr></thead>
    <tbody>${[...attempts].reverse().map((attempt, index) => html`<${Row} key=${String(attempt.run)} job=${job} attempt=${attempt} limit=${limit} current=${current}
      lines=${linesOfAttempt(attempt).length} isOpen=${open === attempt.run} onToggle=${() => setOpen(open === attempt.run ? null : attempt.run)} onLog=${() => onLog(String(attempt.run))}
      compareWith=${attempts[attempts.length - 2 - index]} />`)}</tbody>
  </table></div>`;
}
