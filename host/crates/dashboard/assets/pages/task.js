// A task: its charts over time, versions, slots, failures and definition.

import { useMemo, useState } from "preact/hooks";

import { has } from "../live/account.js";
import { useLook, useTicks } from "../live/look.js";
import { history, pulse } from "../live/pulse.js";
import { useStore } from "../live/store.js";
import { Action, pauseTask, resumeTask } from "../parts/action.js";
import { Looked } from "../parts/empty.js";
import { Guest } from "../parts/guest.js";
import { html } from "../parts/html.js";
import { JsonTree } from "../parts/json-tree.js";
import { bytes, count, span } from "../parts/span.js";
import { Timestamp } from "../parts/timestamp.js";
import { go, link, toJobs, toPlugin } from "../route/hash.js";
import { pluginOf } from "../route/reference.js";
import { clock } from "../wire/ask.js";
import { stringify } from "../wire/json.js";
import * as routes from "../wire/routes.js";
import { Groups } from "./failure-groups.js";
import { Series } from "./series.js";
import { Slots } from "./slots.js";
import { Versions } from "./versions.js";

const PERIODS = { "5m": 300_000, "1h": 3_600_000, "6h": 21_600_000, "24h": 86_400_000, "14d": 1_209_600_000 };
const STEPS = { "5m": "5s", "1h": "30s", "6h": "2m", "24h": "10m", "14d": "2h" };

/** Series of the host, or what was seen since the page was opened. */
function Charts({ id, query }) {
  const period = query.get("period") in PERIODS ? query.get("period") : "1h";
  const zoom = query.get("from") && query.get("to") ? { from: Number(query.get("from")), to: Number(query.get("to")) } : null;
  const tick = useTicks(period === "5m" ? 2_000 : 15_000, has("series") && !zoom);
  const path = useMemo(() => {
    if (!has("series")) return null;
    const to = zoom?.to ?? clock.now();
    const from = zoom?.from ?? to - PERIODS[period];
    const step = zoom ? `${Math.max(1, Math.ceil((to - from) / 300_000))}s` : STEPS[period];
    return routes.series({ task: id, from: new Date(from).toISOString(), to: new Date(to).toISOString(), step });
  }, [id, period, zoom?.from, zoom?.to, tick, has("series")]);
  const look = useLook(path);
  const [last, setLast] = useState(null);
  // The path changes with time; the chart stays until the next answer.
  if (look.data && look.data !== last) setLast(look.data);
  if (!has("series")) return html`<${LocalSeries} id=${id} />`;
  const onZoom = (from, to) => go(link(["tasks", id], { from: Math.round(from), to: Math.round(to) }));
  return html`<nav class="tabs" aria-label="Period">
      ${Object.keys(PERIODS).map((name) => html`<a key=${name} href=${link(["tasks", id], { period: name })} aria-current=${!zoom && name === period ? "true" : undefined}>${name.replace(/(\d+)(\w)/, "$1 $2")}</a>`)}
      ${zoom && html`<a aria-current="true" href=${link(["tasks", id])}>zoomed ✕</a>`}
    </nav>
    <${Looked} look=${{ ...look, data: last }} rows=${5} what="The charts">${(data) => html`<${Series} data=${data} onZoom=${onZoom} />`}<//>`;
}

function LocalSeries({ id }) {
  const tick = useTicks(5_000);
  const data = useMemo(() => {
    const now = clock.now();
    const steps = history.steps([id], now);
    const of = (kind) => steps.map((step) => step[kind] * 5);
    return { from: new Date(now - 300_000).toISOString(), step_ms: 5_000, succeeded: of("succeeded"), failed: { failed: of("failed") }, retried: of("retried"), marks: [] };
  }, [id, tick]);
  return html`<${Series} data=${data} /><p class="hint">Since this page was opened; this host keeps no history.</p>`;
}

function Definition({ task }) {
  const { definition } = task;
  const retry = definition.attempt_after;
  const facts = [
    ["process", html`<a href=${toPlugin(pluginOf(definition.process))}><${Guest} text=${definition.process} /></a>`],
    ["file", html`<code><${Guest} text=${task.file} /></code>`],
    ["queue", `${count(definition.size)} may wait, ${count(task.counts.waiting)} do; ${bytes(task.counts.bytes)} stored`],
    ["timeout", span(Number(definition.timeout) * 1_000)],
    ["attempts", `${Number(definition.attempts ?? 0) + 1}${retry ? `, ${typeof retry === "object" ? `${retry.backoff} from ${span(retry.delay)}` : `after ${span(retry)}`}` : ""}`],
    ["memory", definition.sandbox?.memory ? String(definition.sandbox.memory) : "–"],
    ["retention", definition.retention ? Object.entries(definition.retention).map(([kind, time]) => `${kind} ${time}`).join(", ") : "–"],
  ];
  return html`<section class="panel" aria-label="Definition"><h2>Definition</h2>
    <dl class="facts">${facts.map(([name, value]) => html`<dt key=${name}>${name}</dt><dd>${value}</dd>`)}</dl>
    <details><summary>all of it</summary><${JsonTree} text=${stringify(definition, 2)} what="definition" /></details></section>`;
}

function Head({ id, task, live }) {
  const isPaused = live?.paused ?? task?.paused;
  const of = { id };
  return html`<div class="head"><h1 tabindex="-1"><${Guest} text=${id} /></h1>
    ${task?.name && task.name !== id && html`<span class="muted"><${Guest} text=${task.name} /></span>`}
    ${isPaused && html`<span class="badge warn">❚❚ paused</span>`}
    ${task?.state === "broken" && html`<span class="badge failure">✖ broken</span>`}
    <span class="push row">
      ${isPaused ? html`<${Action} role="admin" run=${() => resumeTask(of)}>▶ Resume<//>` : html`<${Action} role="admin" run=${() => pauseTask(of)}>❚❚ Pause…<//>`}
      <a class="button" href=${toJobs(`task:${id}`)}>Jobs</a>
      <a class="button" href=${link(["tasks", id, "new"])}>＋ New job</a></span></div>`;
}

export default function Task({ path, query }) {
  const id = path[1];
  const tasks = useStore(pulse, (state) => state.tasks);
  const live = tasks.get(id.toLowerCase()) ?? tasks.get(id);
  const tick = useTicks(10_000);
  const look = useLook(routes.task(id), live?.paused ? 1 : 0);
  const plugin = look.data ? pluginOf(look.data.definition.process) : null;
  const version = useLook(has("plugins") && plugin ? routes.plugin(plugin) : null);
  const slots = useLook(has("slots") ? routes.slots(id) : null, tick);
  const failures = useLook(has("failures") ? routes.failures({ task: id }) : null, tick);
  return html`<${Head} id=${id} task=${look.data} live=${live} />
    <${Looked} look=${look} rows=${8} what="The task">${(task) => html`
      ${task.problem && html`<div class="message failure"><span><${Guest} text=${task.problem} /></span></div>`}
      ${task.held_by && html`<div class="message warning"><span>No attempt begins: the tenant's quota <code>${task.held_by}</code> is used up.</span></div>`}
      <${Facts} task=${{ ...task, ...live }} />
      <${Charts} id=${id} query=${query} />
      ${version.data && html`<${Versions} plugin=${plugin} versions=${version.data.versions} />`}
      ${slots.data && html`<${Slots} task=${id} slots=${slots.data.slots} attempts=${slots.data.attempts} />`}
      ${failures.data && failures.data.groups.length > 0 && html`<section class="panel" aria-label="Failures"><h2>Failures</h2><${Groups} data=${failures.data} most=${8} /></section>`}
      <${Definition} task=${task} />`}<//>`;
}

function Facts({ task }) {
  const { counts } = task;
  const figures = [
    ["WAITING", counts.waiting, `status:WAITING`, Number(counts.delayed) > 0 ? `${count(counts.delayed)} delayed` : ""],
    ["RUNNING", counts.running, `status:RUNNING`, task.slots ? `of ${count(task.slots)} slots` : ""],
    ["SUCCESS", counts.success, `status:SUCCESS`, "kept"],
    ["FAILURE", counts.failure, `status:FAILURE`, "kept"],
  ];
  return html`<section class="figures" aria-label="Counts">
    ${figures.map(([name, value, filter, more]) => html`<a class="figure" key=${name} href=${toJobs(`task:${task.id} ${filter}`)}>
      <span class="name">${name}</span><span class="value">${count(value)}</span><span class="more">${more}</span></a>`)}
    <div class="figure"><span class="name">oldest that is ready</span><span class="value">${task.first_ready_at ? html`<${Timestamp} at=${task.first_ready_at} />` : "–"}</span><span class="more">${count(counts.added)} added ever</span></div>
  </section>`;
}
