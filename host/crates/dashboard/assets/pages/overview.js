// The overview: is anything wrong, and where? Five figures, what needs somebody, and all tasks.

import { useEffect, useMemo, useState } from "preact/hooks";

import { Spark } from "../charts/spark.js";
import { has } from "../live/account.js";
import { useLook, useTicks } from "../live/look.js";
import { history, pulse } from "../live/pulse.js";
import { useStore } from "../live/store.js";
import { Action, pauseTask, resumeTask, useWhyNot } from "../parts/action.js";
import { Bar } from "../parts/badge.js";
import { Empty, Failed, Skeleton } from "../parts/empty.js";
import { Guest } from "../parts/guest.js";
import { html } from "../parts/html.js";
import { Menu } from "../parts/menu.js";
import { count, counted, rate, share, short, span } from "../parts/span.js";
import { Since, useSecond } from "../parts/timestamp.js";
import { go, link, toJob, toJobs, toTask } from "../route/hash.js";
import { address, clock } from "../wire/ask.js";
import * as routes from "../wire/routes.js";
import { alerts, failShare, failing, perSecond, totals } from "./overview-rules.js";

const FIRST_TASK = `{
    "process": "plugins.mail.send",
    "worker_nums": 4,
    "timeout": 30,
    "attempts": 3
}`;

function Figures({ tasks, version }) {
  useSecond();
  const sums = totals(tasks);
  const ids = tasks.map(({ id }) => id);
  const now = clock.now();
  const rates = perSecond(tasks, history, now);
  const steps = history.steps(ids, now, 30);
  const oldest = tasks.filter(({ paused, first_ready_at: at }) => at && !paused).map(({ first_ready_at: at }) => at).sort()[0];
  return html`<section class="figures" aria-label="All tasks" data-version=${version}>
    <a class="figure" href=${toJobs("status:WAITING")}><span class="name">WAITING</span><span class="value" title=${count(sums.waiting)}>${short(sums.waiting)}</span>
      <span class="more">${sums.delayed > 0 ? `${short(sums.delayed)} delayed` : ""}${sums.onHold > 0 ? ` ${short(sums.onHold)} on hold` : ""}</span></a>
    <a class="figure" href=${toJobs("status:RUNNING")}><span class="name">RUNNING</span><span class="value" title=${count(sums.running)}>${short(sums.running)}</span>
      <span class="more">${sums.slots > 0 ? `of ${counted(sums.slots, "slot")}` : ""}</span></a>
    <a class="figure" href=${toJobs("status:SUCCESS")}><span class="name">SUCCESS</span><span class="value">${rate(rates.succeeded)}</span>
      <span class="more"><${Spark} steps=${steps.map(({ succeeded }) => ({ ok: succeeded, failed: 0 }))} label="successes of five minutes" /></span></a>
    <a class="figure" href=${toJobs("status:FAILURE")}><span class="name">FAILURE</span><span class="value">${rate(rates.failed)}</span>
      <span class="more"><${Spark} steps=${steps.map(({ failed }) => ({ ok: 0, failed }))} label="failures of five minutes" /> ${share(rates.failed, rates.failed + rates.succeeded)}</span></a>
    <div class="figure"><span class="name">oldest that is ready</span><span class="value">${oldest ? html`<${Since} at=${oldest} />` : "–"}</span><span class="more"></span></div>
  </section>`;
}

function Alerts({ tasks, orphans, notReady, failures, problems }) {
  const found = alerts({ tasks, orphans, notReady, failures, problems, now: clock.now() });
  if (found.length === 0) return null;
  return html`<section aria-label="What needs somebody">
    ${found.map((one) => html`<div class="message ${one.tone}" key=${one.key}>
      <span aria-hidden="true" class=${one.tone === "failure" ? "bad" : "warn"}>▲</span>
      <span>${one.task && html`<a href=${toTask(one.task)}><${Guest} text=${one.task} /></a>: `}<${Guest} text=${one.text} /></span>
      <span class="push row">
        ${one.kind === "paused" && html`<${Action} role="admin" run=${() => resumeTask({ id: one.task })}>Resume<//>`}
        ${one.job && html`<a href=${toJob(one.job)}>one of them</a>`}
        ${one.to && html`<a href=${one.to}>${one.toText}</a>`}
      </span>
    </div>`)}
  </section>`;
}

/** What compares versions is loaded when a task fails for the first time. */
function LateVersionAlerts({ tasks }) {
  const [Part, setPart] = useState(null);
  const isNeeded = tasks.length > 0;
  useEffect(() => {
    if (isNeeded) import("./version-alerts.js").then((loaded) => setPart(() => loaded.VersionAlerts), () => {});
  }, [isNeeded]);
  return Part && isNeeded && html`<${Part} tasks=${tasks} />`;
}

/** Tasks by the part before the first dot; a group of one is none. */
export function grouped(tasks) {
  const groups = new Map();
  for (const task of tasks) {
    const name = task.id.includes(".") ? task.id.slice(0, task.id.indexOf(".")) : "";
    groups.set(name, [...(groups.get(name) ?? []), task]);
  }
  return [...groups].flatMap(([name, of]) => (name === "" || of.length === 1 ? of.map((task) => ({ name: null, tasks: [task] })) : [{ name, tasks: of }]));
}

function TaskRow({ task, now, indent }) {
  const rates = perSecond([task], history, now);
  const failed = failShare([task], history, now);
  const steps = history.steps([task.id], now).map(({ succeeded, retried, failed: bad }) => ({ ok: succeeded, failed: bad + retried }));
  const slots = task.slots === null ? null : Number(task.slots);
  const busy = Number(task.busy ?? 0);
  const { duration_ms: took } = task;
  const tooSmall = useWhyNot("admin");
  const menu = [
    { text: "Jobs", run: () => go(toJobs(`task:${task.id}`)) },
    { text: "Failed jobs", run: () => go(toJobs(`task:${task.id} status:FAILURE`)) },
    { text: "New job", run: () => go(link(["tasks", task.id, "new"])) },
    task.paused ? { text: "Resume", run: () => resumeTask(task), why: tooSmall } : { text: "Pause…", run: () => pauseTask(task), why: tooSmall },
  ];
  return html`<tr>
    <td class=${indent ? "indent" : ""}><a href=${toTask(task.id)}><${Guest} text=${task.id} /></a>
      ${task.paused && html` <span class="badge warn">❚❚ paused</span>`}
      ${task.state !== "ready" && task.state && html` <span class="badge ${task.state === "broken" ? "failure" : "waiting"}">${task.state}</span>`}
      ${task.held_by && html` <span class="badge warn" title="a quota of the tenant is used up">▲ ${task.held_by}</span>`}
    </td>
    <td class="number"><a href=${toJobs(`task:${task.id} status:WAITING`)} title=${count(task.counts.waiting)}>${short(task.counts.waiting)}</a></td>
    <td class="nowrap">${slots ? html`<${Bar} part=${busy / slots} label="busy slots" /> ${busy}/${slots}` : `${count(busy)} running`}</td>
    <td class="nowrap"><${Spark} steps=${steps} label="five minutes" /> ${rate(rates.succeeded + rates.failed)}</td>
    <td class="number">${failed.of > 0 ? html`<span class=${failed.part / failed.of > 0.05 ? "bad" : ""}>${share(failed.part, failed.of)}${failed.part / failed.of > 0.05 ? " ▲" : ""}</span>` : html`<span class="muted">–</span>`}</td>
    <td class="number">${took ? `${span(took.p50)} · ${span(took.p99)}` : html`<span class="muted">–</span>`}</td>
    <td class="number">${task.first_ready_at ? html`<${Since} at=${task.first_ready_at} />` : html`<span class="muted">–</span>`}</td>
    <td class="tight"><${Menu} label="Actions of ${task.id}" items=${menu} /></td>
  </tr>`;
}

function Group({ name, tasks, now }) {
  const [isOpen, setOpen] = useState(true);
  const rows = tasks.map((task) => html`<${TaskRow} key=${task.id} task=${task} now=${now} indent=${name !== null} />`);
  if (name === null) return rows;
  const sums = totals(tasks);
  return html`<tr class="group">
    <td><button type="button" class="plain" aria-expanded=${isOpen} onClick=${() => setOpen(!isOpen)}>${isOpen ? "▾" : "▸"} ${name} <span class="muted">${tasks.length}</span></button></td>
    <td class="number">${short(sums.waiting)}</td><td class="nowrap">${sums.slots > 0 ? `${sums.running}/${sums.slots}` : ""}</td><td colspan="5"></td>
  </tr>${isOpen && rows}`;
}

function FirstJob({ task }) {
  const line = `curl ${address(`v1/tasks/${encodeURIComponent(task.id)}/jobs`)} -H 'Content-Type: application/json' -d '{"args": []}'`;
  return html`<${Empty} title="No jobs yet" line=${line} what="the command">
    <p>Add one with <a href=${link(["tasks", task.id, "new"])}>a form</a>, or so:</p>
  <//>`;
}

export default function Overview() {
  const state = useStore(pulse);
  const minute = useTicks(15_000);
  const from = useMemo(() => new Date(clock.now() - 3_600_000).toISOString(), []);
  const failures = useLook(has("failures") ? routes.failures({ ended_from: from }) : null, minute);
  const problems = useLook(has("problems") ? routes.problems() : null, minute);
  const tasks = [...state.tasks.values()].sort((one, other) => (one.id < other.id ? -1 : 1));
  const now = clock.now();
  const isLoading = state.version === 0;
  const added = tasks.reduce((sum, { counts }) => sum + Number(counts?.added ?? 0), 0);
  return html`
    <div class="head"><h1 tabindex="-1">Overview</h1>
      <span class="push"><a class="button" href=${link(["new"])}>＋ New job</a></span></div>
    ${state.problem && html`<${Failed} problem=${state.problem} what="The counts" />`}
    ${isLoading && !state.problem && html`<${Skeleton} rows=${8} />`}
    ${!isLoading && html`<${Figures} tasks=${tasks} version=${state.version} />
      <${Alerts} tasks=${tasks} orphans=${state.orphans} notReady=${state.notReady} failures=${failures.data} problems=${problems.data} />
      ${has("plugins") && html`<${LateVersionAlerts} tasks=${failing(tasks, history, now)} />`}`}
    ${!isLoading && tasks.length === 0 && html`<${Empty} title="No tasks yet" line="saggar new task mail.send" what="the command">
      <p>A task is a file below <code>tasks/</code>, such as <code>tasks/mail/send.yao</code>:</p><pre>${FIRST_TASK}</pre><//>`}
    ${tasks.length > 0 && added === 0 && html`<${FirstJob} task=${tasks[0]} />`}
    ${tasks.length > 0 && html`<div class="scroll figures-table" tabindex="0" role="group" aria-label="Tasks"><table>
      <caption class="visually-hidden">Tasks</caption>
      <thead><tr><th scope="col">task</th><th scope="col" class="number">waiting</th><th scope="col">slots</th><th scope="col">per second, 5 min</th>
        <th scope="col" class="number">fails</th><th scope="col" class="number">p50 · p99</th><th scope="col" class="number">oldest</th><th><span class="visually-hidden">actions</span></th></tr></thead>
      <tbody>${grouped(tasks).map(({ name, tasks }) => html`<${Group} key=${name ?? tasks[0].id} name=${name} tasks=${tasks} now=${now} />`)}</tbody>
    </table></div>`}
    ${state.orphans.length > 0 && html`<h2 class="after">Tasks without a definition</h2><div class="scroll" tabindex="0" role="group" aria-label="Tasks without a definition"><table>
      <thead><tr><th scope="col">task</th><th scope="col" class="number">waiting</th><th scope="col" class="number">ended</th><th scope="col">why</th></tr></thead>
      <tbody>${state.orphans.map((task) => html`<tr key=${task.id}><td><a href=${toJobs(`task:${task.id}`)}><${Guest} text=${task.id} /></a></td>
        <td class="number">${count(task.counts.waiting)}</td><td class="number">${count(Number(task.counts.success) + Number(task.counts.failure))}</td>
        <td><${Guest} text=${task.problem ?? "its file is gone"} /></td></tr>`)}</tbody></table></div>`}
  `;
}
