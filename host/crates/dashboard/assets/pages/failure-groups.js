// Groups of failures: what, how often, since when, in which versions, and what can be done with all of them.

import { useState } from "preact/hooks";

import { Spark } from "../charts/spark.js";
import { has } from "../live/account.js";
import { Action } from "../parts/action.js";
import { Empty } from "../parts/empty.js";
import { Guest } from "../parts/guest.js";
import { html } from "../parts/html.js";
import { count, counted } from "../parts/span.js";
import { Timestamp } from "../parts/timestamp.js";
import { link, toJob, toJobs, toTask } from "../route/hash.js";
import { Bulk } from "./bulk.js";
import { mainReason } from "./overview-rules.js";

function versionsOf(digests) {
  const all = Object.entries(digests ?? {}).sort((one, other) => other[1] - one[1]);
  if (all.length === 0) return "";
  const text = all.slice(0, 3).map(([digest, number]) => `${digest.slice(0, 8)} ${count(number)}`).join(", ");
  return all.length === 1 ? `only ${all[0][0].slice(0, 8)}` : text;
}

function Group({ group, onRetry }) {
  const steps = (group.per_minute ?? []).map((failed) => ({ ok: 0, failed: Number(failed) }));
  return html`<tr>
    <td class="number"><a href=${toJobs(`task:${group.task} group:${group.group}`)}>${count(group.count)}</a></td>
    <td>${steps.length > 0 && html`<${Spark} steps=${steps} label="the last hour" />`}</td>
    <td class="nowrap bad">✖ ${mainReason(group)}</td>
    <td class="nowrap"><a href=${toTask(group.task)}><${Guest} text=${group.task} /></a></td>
    <td class="what"><${Guest} text=${group.message} /> <code><${Guest} text=${group.code} /></code>
      ${group.frames?.length > 0 && html`<br /><span class="muted mono"><${Guest} text=${group.frames[0]} /></span>`}</td>
    <td class="nowrap muted">${versionsOf(group.digests)}</td>
    <td class="nowrap"><${Timestamp} at=${group.last_ended_at} /></td>
    <td class="tight spaced"><a href=${toJob({ task: group.task, id: group.last_id })}>last</a>
      ${group.frames?.length > 0 && has("flame") && html` <a href=${link(["flame"], { task: group.task, group: group.group })}>flame</a>`}
      ${has("bulk") && html` <${Action} run=${() => onRetry(group)}>↻ Retry all…<//>`}</td>
  </tr>`;
}

/** @param {{data: any, most?: number}} props */
export function Groups({ data, most = 50 }) {
  const [retried, setRetried] = useState(null);
  if (data.groups.length === 0) return html`<${Empty} title="Nothing failed in this time" />`;
  return html`<div class="scroll" tabindex="0" role="group" aria-label="Groups of failures"><table>
      <thead><tr><th scope="col" class="number">failures</th><th scope="col">last hour</th><th scope="col">reason</th><th scope="col">task</th><th scope="col">what</th><th scope="col">versions</th><th scope="col">last</th><th><span class="visually-hidden">actions</span></th></tr></thead>
      <tbody>${data.groups.slice(0, most).map((group) => html`<${Group} key=${group.group} group=${group} onRetry=${setRetried} />`)}</tbody>
    </table></div>
    <p class="hint">Looked at ${count(data.looked_at)} jobs${data.next ? "; there are older ones" : ""}${data.groups.length > most ? html`; <a href=${link(["failures"], { task: data.groups[0].task })}>${counted(data.groups.length - most, "more group")}</a>` : ""}${Number(data.omitted ?? 0) > 0 ? `; ${counted(data.omitted, "job")} of further groups` : ""}.</p>
    ${retried && html`<${Bulk} action="retry" jobs=${[]} isAll=${true} pairs=${[["task", retried.task], ["group", retried.group], ["status", "FAILURE"]]} onClose=${() => setRetried(null)} />`}`;
}
