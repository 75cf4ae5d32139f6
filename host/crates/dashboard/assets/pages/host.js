// The host: its version and store, whether it takes jobs, the app that it runs, and reloading it.

import { account } from "../live/account.js";
import { useLook, useTicks } from "../live/look.js";
import { pulse } from "../live/pulse.js";
import { useStore } from "../live/store.js";
import { Action, change } from "../parts/action.js";
import { Bar } from "../parts/badge.js";
import { Looked } from "../parts/empty.js";
import { Guest } from "../parts/guest.js";
import { html } from "../parts/html.js";
import { bytes, count, counted, span } from "../parts/span.js";
import { Timestamp } from "../parts/timestamp.js";
import { clock } from "../wire/ask.js";
import * as routes from "../wire/routes.js";
import { totals } from "./overview-rules.js";

export function Problems({ problems }) {
  if (!problems || problems.length === 0) return null;
  return html`<ul>${problems.map((problem, at) => html`<li key=${at} class=${problem.severity === "error" ? "bad" : "warn"}>
    ▲ <code><${Guest} text=${[problem.file, problem.line, problem.column].filter(Boolean).join(":")} /></code> <${Guest} text=${problem.message} />
    ${problem.help && html` <span class="muted"><${Guest} text=${problem.help} /></span>`}</li>`)}</ul>`;
}

function Reload() {
  const tick = useTicks(5_000);
  const look = useLook(routes.reload(), tick);
  const reload = async () => {
    await change("Reloaded the app", routes.reload());
    look.again();
  };
  return html`<section class="panel" aria-label="App"><div class="row"><h2>App</h2><span class="push"><${Action} role="admin" run=${reload}>↻ Reload<//></span></div>
    <${Looked} look=${look} rows=${3} what="The state of reloads">${({ running, loaded_at: loadedAt, failed_reloads: failed, last }) => html`
      <dl class="facts"><dt>loaded</dt><dd><${Timestamp} at=${loadedAt} />${running ? ", a reload is running" : ""}</dd>
        ${last && html`<dt>last reload</dt><dd><${Timestamp} at=${last.at} />, ${last.changes ? `${counted(last.changes.added.length, "task")} added, ${last.changes.changed.length} changed, ${last.changes.removed.length} removed` : "failed"} in ${span(last.duration_ms)}</dd>`}</dl>
      ${Number(failed) > 0 && html`<div class="message failure"><span>The host runs an app that differs from its files: ${counted(failed, "reload has", "reloads have")} failed. <${Guest} text=${last?.detail ?? ""} /></span></div>`}
      <${Problems} problems=${last?.problems} /><${Problems} problems=${last?.changes?.warnings} />`}<//></section>`;
}

/** What is wrong with the app's files as they are now. */
function AppProblems() {
  const tick = useTicks(5_000);
  const look = useLook(routes.problems(), tick);
  return html`<section class="panel" aria-label="Problems"><h2>Problems of the app ${look.data && Number(look.data.count ?? 0) > look.data.problems.length ? html`<span class="hint">the first ${look.data.problems.length} of ${count(look.data.count)}</span>` : ""}</h2>
    <${Looked} look=${look} rows=${2} what="The problems">${({ problems }) => (problems.length === 0 ? html`<p class="hint">None.</p>` : html`<${Problems} problems=${problems} />`)}<//></section>`;
}

function Quotas({ tenant }) {
  const tick = useTicks(5_000);
  const look = useLook(routes.tenant(tenant), tick);
  return html`<section class="panel" aria-label="Quotas"><h2>Quotas</h2><${Looked} look=${look} rows=${4} what="The quotas">${({ quotas, weight }) => html`
    <p class="hint">Weight ${weight}.</p>
    <dl class="facts">${quotas.map(({ name, used, limit }) => {
      const write = name.includes("bytes") || name.includes("memory") ? bytes : count;
      const part = limit ? Number(used) / Number(limit) : 0;
      return html`<dt key=${name}>${name}</dt><dd>${limit ? html`<${Bar} part=${part} label=${name} tone=${part > 0.95 ? "bad" : part > 0.8 ? "warn" : undefined} /> ${write(used)} of ${write(limit)}` : html`${write(used)} <span class="muted">without a limit</span>`}</dd>`;
    })}</dl>`}<//></section>`;
}

export default function HostPage() {
  const { me, features } = useStore(account);
  const state = useStore(pulse);
  const { host } = me;
  const sums = totals([...state.tasks.values()]);
  const stored = [...state.tasks.values(), ...state.orphans].reduce((all, { counts }) => all + Number(counts?.bytes ?? 0), 0);
  const facts = [
    ["takes jobs", state.notReady ? html`<span class="bad">▲ no: ${state.notReady}</span>` : html`<span class="badge success">✔ yes</span>`],
    ["version", host.version],
    ...(host.started_at ? [["started", html`<${Timestamp} at=${host.started_at} />`]] : []),
    ...(host.instance ? [["instance", html`<code>${host.instance}</code>`]] : []),
    ...(host.store ? [["store", `${host.store}${host.durability ? `, durability ${host.durability}` : ""}`]] : []),
    ["stored", `${bytes(stored)} of jobs`],
    ["running", `${count(sums.running)}${sums.slots ? ` of ${counted(sums.slots, "slot")}` : ""}`],
    ...(me.limits?.streams ? [["streams", `up to ${count(me.limits.streams)} followers`]] : []),
    ["its clock", html`<${Timestamp} at=${new Date(clock.now()).toISOString()} />, ${Math.abs(clock.skew) < 1_000 ? "as this machine's" : `${span(Math.abs(clock.skew))} ${clock.skew > 0 ? "ahead of" : "behind"} this machine's`}`],
    ["can", [...features].filter((feature) => !feature.startsWith("filter:")).sort().join(", ") || "–"],
  ];
  return html`<div class="head"><h1 tabindex="-1">Host</h1></div>
    <section class="panel" aria-label="Facts"><dl class="facts">${facts.map(([name, value]) => html`<dt key=${name}>${name}</dt><dd>${value}</dd>`)}</dl></section>
    ${me.tenant && html`<${Reload} />${features.has("problems") && html`<${AppProblems} />`}<${Quotas} tenant=${me.tenant} />`}
    <p class="hint"><a href="openapi.json">OpenAPI document</a></p>`;
}
