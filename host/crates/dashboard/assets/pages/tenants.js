// The tenants of the host: their state, work and quotas; an operator chooses the one to look at.

import { account, signIn } from "../live/account.js";
import { useLook, useTicks } from "../live/look.js";
import { useStore } from "../live/store.js";
import { Action } from "../parts/action.js";
import { Badge, Bar } from "../parts/badge.js";
import { confirm } from "../parts/dialog.js";
import { Empty, Looked } from "../parts/empty.js";
import { Guest } from "../parts/guest.js";
import { classes, html } from "../parts/html.js";
import { bytes, count, counted, short } from "../parts/span.js";
import { toast, toastProblem } from "../parts/toast.js";
import { go, link } from "../route/hash.js";
import { ask } from "../wire/ask.js";
import * as routes from "../wire/routes.js";
import { chooseTenant } from "../wire/session.js";

const STATES = { ready: "success", loading: "delayed", broken: "failure", removed: "warn" };

/** Chooses a tenant, and begins anew with it. */
async function open(name) {
  chooseTenant(name);
  await signIn();
  go(link([]));
}

/** Removes the data of a tenant in steps, as the host asks for. */
async function remove(tenant, again) {
  const jobs = Number(tenant.counts.success) + Number(tenant.counts.failure) + Number(tenant.counts.waiting);
  const body = html`<p>Its ${counted(jobs, "job")}, its key-value store, its deployments and its audit are removed for good.</p>`;
  const isSure = await confirm({ title: `Remove the data of ${tenant.name}?`, body, action: "Remove", isDestructive: true, phrase: tenant.name });
  if (!isSure) return;
  try {
    let removed = 0;
    let more = true;
    while (more) {
      const { data } = await ask(routes.tenant(tenant.name), { method: "DELETE" });
      removed += Number(data.jobs);
      more = data.more;
    }
    toast(`Removed ${tenant.name} with ${counted(removed, "job")}`);
  } catch (problem) {
    toastProblem(`Removing ${tenant.name}`, problem);
  }
  again();
}

/** The quota that is used most, if any has a limit. */
function Tightest({ quotas }) {
  const limited = quotas.filter(({ limit }) => Number(limit) > 0).map((quota) => ({ ...quota, part: Number(quota.used) / Number(quota.limit) }));
  const tightest = limited.sort((one, other) => other.part - one.part)[0];
  if (!tightest) return html`<span class="muted">no limits</span>`;
  const write = tightest.name.includes("bytes") || tightest.name.includes("memory") ? bytes : short;
  return html`<span class="nowrap"><${Bar} part=${tightest.part} label=${tightest.name} tone=${tightest.part > 0.95 ? "bad" : tightest.part > 0.8 ? "warn" : undefined} />
    ${tightest.name} ${write(tightest.used)} of ${write(tightest.limit)}</span>`;
}

function Row({ tenant, isCurrent, again }) {
  const { counts } = tenant;
  const isOpen = tenant.state !== "removed";
  return html`<tr class=${classes(isCurrent && "current")}>
    <td>${isOpen ? html`<button type="button" class="plain" onClick=${() => open(tenant.name)}><strong><${Guest} text=${tenant.name} /></strong></button>` : html`<${Guest} text=${tenant.name} />`}${isCurrent && html` <span class="hint">this tab</span>`}</td>
    <td><${Badge} kind=${STATES[tenant.state] ?? "waiting"}>${tenant.state}<//>${tenant.problem && html` <span class="bad"><${Guest} text=${tenant.problem} /></span>`}</td>
    <td class="number">${count(tenant.weight)}</td><td class="number">${count(tenant.tasks)}</td>
    <td class="number" title=${count(counts.waiting)}>${short(counts.waiting)}</td><td class="number">${short(counts.running)}</td>
    <td class="number">${short(counts.success)}</td><td class="number">${short(counts.failure)}</td><td class="number">${bytes(counts.bytes)}</td>
    <td><${Tightest} quotas=${tenant.quotas} /></td>
    <td class="tight">${!isOpen && html`<${Action} role="operator" run=${() => remove(tenant, again)}>Remove…<//>`}</td>
  </tr>`;
}

export default function Tenants() {
  const me = useStore(account, (state) => state.me);
  const tick = useTicks(5_000);
  const look = useLook(routes.tenants(), tick);
  return html`<div class="head"><h1 tabindex="-1">Tenants</h1></div>
    ${!me.tenant && html`<p>This token is an operator's. Choose the tenant whose jobs you want to see; this tab then asks for it.</p>`}
    <${Looked} look=${look} rows=${6} what="The tenants">${({ tenants }) => (tenants.length === 0
      ? html`<${Empty} title="The host has no tenants" />`
      : html`<div class="scroll" tabindex="0" role="group" aria-label="Tenants"><table>
        <thead><tr><th scope="col">tenant</th><th scope="col">state</th><th scope="col" class="number">weight</th><th scope="col" class="number">tasks</th><th scope="col" class="number">waiting</th><th scope="col" class="number">running</th>
          <th scope="col" class="number">success</th><th scope="col" class="number">failure</th><th scope="col" class="number">stored</th><th scope="col">tightest quota</th><th><span class="visually-hidden">actions</span></th></tr></thead>
        <tbody>${tenants.map((tenant) => html`<${Row} key=${tenant.name} tenant=${tenant} isCurrent=${tenant.name === me.tenant} again=${look.again} />`)}</tbody>
      </table></div>`)}<//>`;
}
