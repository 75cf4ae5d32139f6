// The audit: which requests changed something, who made them, from where, and what came of them.

import { useEffect, useState } from "preact/hooks";

import { useLook } from "../live/look.js";
import { Empty, Looked } from "../parts/empty.js";
import { Guest } from "../parts/guest.js";
import { html } from "../parts/html.js";
import { count } from "../parts/span.js";
import { Timestamp } from "../parts/timestamp.js";
import { toJob, toTask } from "../route/hash.js";
import { stringify } from "../wire/json.js";
import * as routes from "../wire/routes.js";

function Jobs({ entry }) {
  if (!entry.jobs || entry.jobs.length === 0) return html`<span class="muted">–</span>`;
  return html`${entry.jobs.slice(0, 5).map((id) => html`<a key=${String(id)} class="mono" href=${toJob({ task: entry.task, id })}>${String(id)}</a> `)}${entry.jobs.length > 5 ? `and ${count(entry.jobs.length - 5)} more` : ""}`;
}

function Result({ entry }) {
  if (entry.status === null) return html`<span class="warn" title="The client had gone before its answer; the change may have been made">▲ no answer</span>`;
  if (entry.status === undefined) return "";
  const isGood = Number(entry.status) < 400;
  return html`<span class=${isGood ? "" : "bad"}>${entry.status}${entry.code ? ` ${entry.code}` : ""}</span>`;
}

function Row({ entry }) {
  const many = Number(entry.requests ?? 1) > 1 ? ` in ${count(entry.requests)} requests` : "";
  return html`<tr>
    <td><${Timestamp} at=${entry.at} /></td>
    <td><${Guest} text=${entry.token ?? (entry.from ? "open host" : "the host")} />${entry.role ? html` <span class="muted">${entry.role}</span>` : ""}</td>
    <td class="mono nowrap">${entry.from ?? ""}</td>
    <td><code>${entry.did}</code></td>
    <td>${entry.task ? html`<a href=${toTask(entry.task)}><${Guest} text=${entry.task} /></a>` : html`<span class="muted">–</span>`}</td>
    <td class="number">${count(entry.count)}${many}</td>
    <td class="spaced"><${Jobs} entry=${entry} /></td>
    <td class="nowrap"><${Result} entry=${entry} /></td>
    <td><${Guest} text=${entry.detail ?? (entry.where ? stringify(entry.where) : "")} /></td>
  </tr>`;
}

export default function Audit() {
  const [after, setAfter] = useState(null);
  const [entries, setEntries] = useState([]);
  const look = useLook(routes.audit({ after, limit: 100 }));
  useEffect(() => {
    if (look.data) setEntries((before) => (after === null ? look.data.entries : [...before, ...look.data.entries]));
  }, [look.data]);
  const next = look.data?.next;
  return html`<div class="head"><h1 tabindex="-1">Audit</h1>
      <span class="push"><button type="button" onClick=${() => (after === null ? look.again() : setAfter(null))}>Newest</button></span></div>
    <p class="hint">Requests that changed something; those of one second that differ only in their jobs share a row.</p>
    ${entries.length > 0 && html`<div class="scroll" tabindex="0" role="group" aria-label="Audit"><table>
      <thead><tr><th scope="col">when</th><th scope="col">who</th><th scope="col">from</th><th scope="col">did</th><th scope="col">task</th><th scope="col" class="number">count</th><th scope="col">jobs</th><th scope="col">result</th><th scope="col">more</th></tr></thead>
      <tbody>${entries.map((entry, at) => html`<${Row} key=${at} entry=${entry} />`)}</tbody></table></div>`}
    <${Looked} look=${look} rows=${6} what="The audit">${() => (entries.length === 0 && look.data.entries.length === 0
      ? html`<${Empty} title="Nothing was changed yet" />`
      : next && html`<p class="after"><button type="button" onClick=${() => setAfter(next)}>Older ▾</button></p>`)}<//>`;
}
