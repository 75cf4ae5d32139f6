// The slots of a task: what each does, for how long, and how often its instance was called.

import { Badge } from "../parts/badge.js";
import { Digest } from "../parts/digest.js";
import { html } from "../parts/html.js";
import { bytes, count } from "../parts/span.js";
import { Since } from "../parts/timestamp.js";
import { toJob } from "../route/hash.js";

const KINDS = { busy: "running", instantiating: "delayed", closing: "warn", idle: "waiting" };

function what(slot) {
  if (slot.state !== "idle") return slot.state;
  return slot.digest ? "warm" : "cold";
}

export function Slots({ task, slots }) {
  const busy = slots.filter(({ state }) => state === "busy").length;
  return html`<section class="panel" aria-label="Slots"><h2>Slots <span class="hint">${busy} of ${slots.length} busy</span></h2>
    <div class="scroll" tabindex="0" role="group" aria-label="Slots"><table>
      <thead><tr><th scope="col" class="number">slot</th><th scope="col">state</th><th scope="col">job</th><th scope="col" class="number">for</th><th scope="col">version</th><th scope="col" class="number">calls</th><th scope="col" class="number">memory</th></tr></thead>
      <tbody>${slots.map((slot) => html`<tr key=${slot.slot}>
        <td class="number">${slot.slot}</td><td><${Badge} kind=${KINDS[slot.state] ?? "waiting"}>${what(slot)}<//></td>
        <td>${slot.job ? html`<a class="mono" href=${toJob({ task, id: slot.job })}>${String(slot.job)}</a>` : html`<span class="muted">–</span>`}</td>
        <td class="number">${slot.since ? html`<${Since} at=${slot.since} />` : "–"}</td>
        <td><${Digest} digest=${slot.digest} /></td>
        <td class="number">${slot.served === undefined || slot.served === null ? "–" : `${count(slot.served)}${slot.reuse ? ` of ${count(slot.reuse)}` : ""}`}</td>
        <td class="number">${bytes(slot.memory)}</td></tr>`)}</tbody>
    </table></div></section>`;
}
