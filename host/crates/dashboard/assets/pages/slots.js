// The slots of a task: which attempts have them, since when, and until when at the latest.

import { Badge, Bar } from "../parts/badge.js";
import { Digest } from "../parts/digest.js";
import { html } from "../parts/html.js";
import { count, counted, span } from "../parts/span.js";
import { Since, useSecond } from "../parts/timestamp.js";
import { toJob } from "../route/hash.js";
import { clock } from "../wire/ask.js";

function Row({ task, attempt }) {
  useSecond();
  const [began, deadline] = [Date.parse(attempt.started_at), Date.parse(attempt.deadline_at ?? "")];
  const part = (clock.now() - began) / (deadline - began);
  return html`<tr>
    <td><a class="mono" href=${toJob({ task, id: attempt.id })}>${String(attempt.id)}</a></td>
    <td><${Badge} kind=${attempt.cancelling ? "warn" : "running"}>${attempt.cancelling ? "cancelling" : `attempt ${attempt.number}`}<//></td>
    <td class="number"><${Since} at=${attempt.started_at} /></td>
    <td class="nowrap">${Number.isNaN(deadline) ? "–" : html`<${Bar} part=${part} label="time used" tone=${part > 0.95 ? "bad" : part > 0.8 ? "warn" : undefined} /> ${span(Math.max(0, Math.ceil((deadline - clock.now()) / 1_000) * 1_000))} left`}</td>
    <td><${Digest} digest=${attempt.digest} /></td></tr>`;
}

export function Slots({ task, slots, attempts }) {
  return html`<section class="panel" aria-label="Slots"><h2>Slots <span class="hint">${count(attempts.length)} of ${counted(slots, "slot")} busy</span></h2>
    ${attempts.length > 0 && html`<div class="scroll" tabindex="0" role="group" aria-label="Slots"><table>
      <thead><tr><th scope="col">job</th><th scope="col">state</th><th scope="col" class="number">for</th><th scope="col">deadline</th><th scope="col">version</th></tr></thead>
      <tbody>${attempts.slice(0, 50).map((attempt) => html`<${Row} key=${`${attempt.id} ${attempt.run}`} task=${task} attempt=${attempt} />`)}</tbody>
    </table></div>`}</section>`;
}
