// Failures in groups: the same error of the same task is one row, with how often it was and in which versions.

import { useEffect, useMemo, useState } from "preact/hooks";

import { account, has } from "../live/account.js";
import { useLook, useTicks } from "../live/look.js";
import { pulse } from "../live/pulse.js";
import { useStore } from "../live/store.js";
import { Empty, Looked } from "../parts/empty.js";
import { html } from "../parts/html.js";
import { toastProblem } from "../parts/toast.js";
import { go, link, toJobs } from "../route/hash.js";
import { ask, clock, isAborted } from "../wire/ask.js";
import * as routes from "../wire/routes.js";
import { Groups } from "./failure-groups.js";

const byCount = (one, other) => Number(other.count) - Number(one.count);

/** Adds up the numbers of two objects, or lists, member by member. */
function addUp(one, other) {
  if (Array.isArray(one)) return one.map((value, at) => Number(value) + Number(other?.[at] ?? 0));
  const sum = { ...one };
  for (const [name, value] of Object.entries(other ?? {})) sum[name] = Number(sum[name] ?? 0) + Number(value);
  return sum;
}

/** Adds the groups of an answer about older jobs to those of an answer. */
export function withOlder(data, older) {
  const groups = new Map(data.groups.map((group) => [group.group, group]));
  for (const group of older.groups) {
    const known = groups.get(group.group);
    groups.set(group.group, !known ? group : {
      ...known,
      count: Number(known.count) + Number(group.count),
      reasons: addUp(known.reasons, group.reasons),
      digests: addUp(known.digests, group.digests),
      per_minute: addUp(known.per_minute ?? [], group.per_minute),
      first_ended_at: [known.first_ended_at, group.first_ended_at].sort()[0],
    });
  }
  const sums = { omitted: Number(data.omitted ?? 0) + Number(older.omitted ?? 0), looked_at: Number(data.looked_at) + Number(older.looked_at) };
  return { groups: [...groups.values()].sort(byCount), ...sums, next: older.next };
}

/** Older jobs than those of the first answer, looked at when somebody asks for them. */
function useOlder(path, first) {
  const [older, setOlder] = useState(null);
  const [isLoading, setLoading] = useState(false);
  useEffect(() => setOlder(null), [path]);
  const all = first && (older ? withOlder(first, older) : first);
  const lookFurther = async () => {
    setLoading(true);
    try {
      const { data } = await ask(`${path}${path.includes("?") ? "&" : "?"}after=${all.next}`);
      setOlder((before) => (before ? withOlder(before, data) : data));
    } catch (problem) {
      if (!isAborted(problem)) toastProblem("Looking further", problem);
    } finally {
      setLoading(false);
    }
  };
  return { all, isLoading, lookFurther };
}

const PERIODS = { "1h": 3_600_000, "24h": 86_400_000, "7d": 604_800_000 };

export default function Failures({ query }) {
  const isKnown = useStore(account, (state) => state.isKnown);
  const tasks = useStore(pulse, (state) => state.tasks);
  const task = query.get("task") ?? "";
  const period = query.get("period") in PERIODS ? query.get("period") : "24h";
  const tick = useTicks(10_000);
  const from = useMemo(() => new Date(clock.now() - PERIODS[period]).toISOString(), [period, task]);
  const path = routes.failures({ task, ended_from: from });
  const look = useLook(has("failures") ? path : null, tick);
  const { all, isLoading, lookFurther } = useOlder(path, look.data);
  const change = (more) => go(link(["failures"], { task, period, ...more }));
  return html`<div class="head"><h1 tabindex="-1">Failures</h1>
      <span class="push row"><select aria-label="Task" value=${task} onChange=${(event) => change({ task: event.target.value })}>
        <option value="">all tasks</option>${[...tasks.keys()].sort().map((id) => html`<option key=${id} value=${id}>${id}</option>`)}</select>
      <select aria-label="Period" value=${period} onChange=${(event) => change({ period: event.target.value })}>
        ${Object.keys(PERIODS).map((name) => html`<option key=${name} value=${name}>${name.replace(/(\d+)(\w)/, "last $1 $2")}</option>`)}</select></span></div>
    ${isKnown && !has("failures")
      ? html`<${Empty} title="This host does not group failures"><p><a href=${toJobs("status:FAILURE")}>All failed jobs</a></p><//>`
      : html`<${Looked} look=${look} rows=${8} what="The failures">${() => html`<${Groups} data=${all} />
        ${all.next && html`<button type="button" aria-disabled=${isLoading} onClick=${() => isLoading || lookFurther()}>${isLoading ? "Looking…" : "Look further"}</button>`}`}<//>`}`;
}
