// Failures in groups: the same error of the same task is one row, with how often it was and in which versions.

import { useMemo } from "preact/hooks";

import { account, has } from "../live/account.js";
import { useLook, useTicks } from "../live/look.js";
import { pulse } from "../live/pulse.js";
import { useStore } from "../live/store.js";
import { Empty, Looked } from "../parts/empty.js";
import { html } from "../parts/html.js";
import { go, link, toJobs } from "../route/hash.js";
import { clock } from "../wire/ask.js";
import * as routes from "../wire/routes.js";
import { Groups } from "./failure-groups.js";

const PERIODS = { "1h": 3_600_000, "24h": 86_400_000, "7d": 604_800_000 };

export default function Failures({ query }) {
  const isKnown = useStore(account, (state) => state.isKnown);
  const tasks = useStore(pulse, (state) => state.tasks);
  const task = query.get("task") ?? "";
  const period = query.get("period") in PERIODS ? query.get("period") : "24h";
  const tick = useTicks(10_000);
  const from = useMemo(() => new Date(clock.now() - PERIODS[period]).toISOString(), [period, task]);
  const look = useLook(has("failures") ? routes.failures({ task, ended_from: from }) : null, tick);
  const change = (more) => go(link(["failures"], { task, period, ...more }));
  return html`<div class="head"><h1 tabindex="-1">Failures</h1>
      <span class="push row"><select aria-label="Task" value=${task} onChange=${(event) => change({ task: event.target.value })}>
        <option value="">all tasks</option>${[...tasks.keys()].sort().map((id) => html`<option key=${id} value=${id}>${id}</option>`)}</select>
      <select aria-label="Period" value=${period} onChange=${(event) => change({ period: event.target.value })}>
        ${Object.keys(PERIODS).map((name) => html`<option key=${name} value=${name}>${name.replace(/(\d+)(\w)/, "last $1 $2")}</option>`)}</select></span></div>
    ${isKnown && !has("failures")
      ? html`<${Empty} title="This host does not group failures"><p><a href=${toJobs("status:FAILURE")}>All failed jobs</a></p><//>`
      : html`<${Looked} look=${look} rows=${8} what="The failures">${(data) => html`<${Groups} data=${data} />`}<//>`}`;
}
