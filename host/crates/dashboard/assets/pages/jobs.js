// The list of jobs: a filter, the statuses with their counts, rows that do not move, and what is done with a selection.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";

import { account, has, may } from "../live/account.js";
import { prefer, preferences } from "../live/preferences.js";
import { pulse } from "../live/pulse.js";
import { useStore } from "../live/store.js";
import { cancelJob, deleteJob, retryJob, unfit, useWhyNot } from "../parts/action.js";
import { Status, Took, What } from "../parts/badge.js";
import { Empty, Failed, Skeleton } from "../parts/empty.js";
import { FilterBar } from "../parts/filter-bar.js";
import { Guest } from "../parts/guest.js";
import { classes, html } from "../parts/html.js";
import { useKeys } from "../parts/keys.js";
import { Menu } from "../parts/menu.js";
import { Selection } from "../parts/selection.js";
import { count, short } from "../parts/span.js";
import { Timestamp } from "../parts/timestamp.js";
import { useWindow } from "../parts/window.js";
import { valuesOf, withTerm } from "../route/filter.js";
import { go, link, toJob, toJobs } from "../route/hash.js";
import { STATUSES, toParameters } from "../route/words.js";
import { clock } from "../wire/ask.js";
import { stringify } from "../wire/json.js";
import { Bulk } from "./bulk.js";
import { keyOf, useJobs } from "./jobs-list.js";

/** Reads the filter of the address. Relative times count from when it was read. */
function useFilter(q, order) {
  const features = useStore(account, (state) => state.features);
  const listArgs = useStore(preferences, (kept) => kept.listArgs);
  return useMemo(() => {
    const takes = (filter) => has(`filter:${filter}`);
    const { pairs, problems, tasks } = toParameters(q, { now: clock.now(), has: takes });
    const isOne = tasks.length === 1 && !tasks[0].includes("*");
    const found = [...problems];
    if (tasks.length > 0 && !isOne && !takes("task")) found.push({ from: 0, to: q.length, why: "this host lists one task, or all" });
    const task = isOne && !takes("task") ? tasks[0] : null;
    const kept = takes("task") ? pairs : pairs.filter(([name]) => name !== "task");
    const statuses = pairs.find(([name]) => name === "status")?.[1].split(",") ?? [];
    return { pairs: kept, problems: found, task, tasks, statuses, takes, order, hasIds: takes("ids"), withArgs: listArgs && takes("fields"), isValid: found.length === 0 };
  }, [q, order, features, listArgs]);
}

function matches(id, patterns) {
  return patterns.length === 0 || patterns.some((pattern) => (pattern.endsWith("*") ? id.startsWith(pattern.slice(0, -1).toLowerCase()) : id.toLowerCase() === pattern.toLowerCase()));
}

/** The statuses with their counts, which the pulse has for nothing. */
function Tabs({ q, tasks, statuses }) {
  const all = useStore(pulse, (state) => state.tasks);
  const orphans = useStore(pulse, (state) => state.orphans);
  const sums = { WAITING: 0, RUNNING: 0, SUCCESS: 0, FAILURE: 0 };
  for (const { id, counts } of [...all.values(), ...orphans]) {
    if (matches(id, tasks)) for (const status of STATUSES) sums[status] += Number(counts?.[status.toLowerCase()] ?? 0);
  }
  const current = statuses.length === 1 ? statuses[0] : null;
  return html`<nav class="tabs" aria-label="Statuses">
    <a href=${toJobs(withTerm(q, "status", []))} aria-current=${statuses.length === 0 ? "true" : undefined}>ALL</a>
    ${STATUSES.map((status) => html`<a key=${status} href=${toJobs(withTerm(q, "status", [status]))} aria-current=${current === status ? "true" : undefined}>
      ${status} <span class="muted" title=${count(sums[status])}>${short(sums[status])}</span></a>`)}
  </nav>`;
}

function Row({ job, isSelected, isCurrent, onSelect, q, withArgs }) {
  const tooSmall = useWhyNot("write");
  const menu = [
    { text: "Retry", run: () => retryJob(job), why: tooSmall ?? unfit.retry(job) },
    { text: "Cancel…", run: () => cancelJob(job), why: tooSmall ?? unfit.cancel(job) },
    { text: "Delete…", run: () => deleteJob(job), why: tooSmall ?? unfit.delete(job) },
    { text: `Only ${job.task}`, run: () => go(toJobs(withTerm(q, "task", [job.task]))) },
    ...(job.reason ? [{ text: `Only ${job.reason}`, run: () => go(toJobs(withTerm(q, has("filter:reason") ? "reason" : "text", [job.reason]))) }] : []),
    ...(job.problem ? [{ text: `Only the code ${job.problem.code}`, run: () => go(toJobs(withTerm(q, has("filter:code") ? "code" : "text", [job.problem.code]))) }] : []),
  ];
  const name = keyOf(job);
  return html`<tr data-row=${name} aria-selected=${isSelected} class=${classes(isCurrent && "current", job.isGone && "gone")}>
    <td class="tight"><input type="checkbox" checked=${isSelected} onChange=${() => onSelect(name)} aria-label=${`Select ${job.task} ${job.id}`} /></td>
    <td class="nowrap"><a href=${toJob(job)}><span class="ellipsis"><${Guest} text=${job.task} /></span> <span class="mono">${String(job.id)}</span></a></td>
    <td class="nowrap"><${Status} job=${job} /></td>
    <td class="what"><${What} job=${job} /></td>
    ${withArgs && html`<td class="what mono"><${Guest} text=${typeof job.args === "string" ? job.args : job.args === undefined ? "" : stringify(job.args)} /></td>`}
    <td class="number">${count(job.attempt)}${job.max_attempts ? html` <span class="muted">of ${count(job.max_attempts)}</span>` : ""}</td>
    <td class="tight"><${Timestamp} at=${job.added_at} /></td>
    <td class="number"><${Took} job=${job} /></td>
    <td class="tight"><${Menu} label=${`Actions of ${job.task} ${job.id}`} items=${menu} /></td>
  </tr>`;
}

function Rows({ list, selected, onSelect, current, q, withArgs }) {
  const ref = useRef(null);
  const { from, to, rowHeight } = useWindow(ref, list.rows.length, list.more);
  return html`<div class="scroll" ref=${ref} tabindex="0" role="group" aria-label="Jobs"><table aria-rowcount=${list.next ? -1 : list.rows.length + 1}>
    <caption class="visually-hidden">Jobs</caption>
    <thead><tr><th scope="col"><span class="visually-hidden">selected</span></th><th scope="col">job</th><th scope="col">status</th><th scope="col">what</th>${withArgs && html`<th scope="col">arguments</th>`}
      <th scope="col" class="number">attempt</th><th scope="col">added</th><th scope="col" class="number">took</th><th><span class="visually-hidden">actions</span></th></tr></thead>
    <tbody>
      ${from > 0 && html`<tr aria-hidden="true"><td colspan="9" style=${{ height: `${from * rowHeight}px`, padding: 0 }}></td></tr>`}
      ${list.rows.slice(from, to).map((job) => html`<${Row} key=${keyOf(job)} job=${job} q=${q} isSelected=${selected.has(keyOf(job))}
        isCurrent=${current === keyOf(job)} onSelect=${onSelect} withArgs=${withArgs} />`)}
      ${to < list.rows.length && html`<tr aria-hidden="true"><td colspan="9" style=${{ height: `${(list.rows.length - to) * rowHeight}px`, padding: 0 }}></td></tr>`}
    </tbody>
  </table></div>`;
}

function useRowKeys({ list, current, setCurrent, toggle, bulk, selected }) {
  const at = list.rows.findIndex((job) => keyOf(job) === current);
  const job = list.rows[at];
  const move = (step) => {
    const next = list.rows[Math.max(0, Math.min(list.rows.length - 1, at < 0 ? 0 : at + step))];
    if (!next) return;
    setCurrent(keyOf(next));
    requestAnimationFrame(() => document.querySelector("tr.current")?.scrollIntoView({ block: "nearest" }));
  };
  const act = (action, single) => may("write") && (selected.size > 0 ? bulk(action) : job && !unfit[action](job) && single(job));
  useKeys({
    "/": { means: "filter", run: () => document.getElementById("filter")?.focus() },
    j: { means: "next row", run: () => move(1) },
    k: { means: "row before", run: () => move(-1) },
    x: { means: "select the row", run: () => job && toggle(keyOf(job)) },
    Enter: { means: "open the row", run: () => job && go(toJob(job)) },
    ".": { means: "show newer jobs", run: list.showNewer },
    r: { means: "retry the row or the selection", run: () => act("retry", retryJob) },
    c: { means: "cancel the row or the selection", run: () => act("cancel", cancelJob) },
  });
}

function NoRows({ list, q }) {
  if (list.next) {
    return html`<${Empty} title="Nothing was found so far"><p>${list.lookedAt > 0 ? `Looked at ${count(list.lookedAt)} jobs. ` : ""}There are older ones.${" "}
      <button type="button" onClick=${list.lookFurther}>Look further</button></p><//>`;
  }
  if (!q) return html`<${Empty} title="No jobs yet"><p><a href=${link(["new"])}>Add one</a>, or look at the <a href="#/">overview</a> for a command.</p><//>`;
  const wide = withTerm(q, "added", []);
  return html`<${Empty} title="No job matches this filter"><p>${list.lookedAt > 0 ? `Looked at ${count(list.lookedAt)} jobs. ` : ""}
    ${wide !== q && html`<a href=${toJobs(wide)}>Look at all times</a> · `}<a href=${toJobs("")}>Show all jobs</a></p><//>`;
}

export default function Jobs({ query }) {
  const q = query.get("q") ?? "";
  const order = query.get("order") === "oldest" ? "oldest" : "newest";
  const filter = useFilter(q, order);
  const list = useJobs(filter);
  const [selected, setSelected] = useState(new Set());
  const [isAll, setAll] = useState(false);
  const [current, setCurrent] = useState(null);
  const [action, setAction] = useState(null);
  useEffect(() => {
    setSelected(new Set());
    setAll(false);
    setCurrent(null);
  }, [q, order]);
  const toggle = (key) => {
    setAll(false);
    setSelected((before) => {
      const after = new Set(before);
      if (!after.delete(key)) after.add(key);
      return after;
    });
  };
  useRowKeys({ list, current, setCurrent, toggle, bulk: setAction, selected });
  const tasks = useStore(pulse, (state) => state.tasks);
  const seen = (of) => [...new Set(list.rows.map(of).filter(Boolean))];
  const known = { task: [...tasks.keys()], code: seen((job) => job.problem?.code) };
  const jobs = list.rows.filter((job) => selected.has(keyOf(job)));
  const newer = list.isMore ? `${list.newer.length}+` : String(list.newer.length);
  return html`
    <div class="head"><h1 tabindex="-1">Jobs</h1><span class="push row">
      ${filter.takes("fields") && html`<button type="button" aria-pressed=${filter.withArgs} onClick=${() => prefer({ listArgs: !filter.withArgs })}>Arguments</button>`}
      <a class="button" href=${link(["jobs"], { q, order: order === "newest" ? "oldest" : "" })}>${order} first ⇅</a>
      <a class="button" href=${link(["new"])}>＋ New job</a></span></div>
    <${FilterBar} text=${q} problems=${filter.problems} known=${known} has=${filter.takes} onFilter=${(text) => go(toJobs(text))} />
    <div class="row"><${Tabs} q=${q} tasks=${filter.tasks} statuses=${filter.statuses} />
      <span class="push" role="status">${list.newer.length > 0 && html`<button type="button" class="primary" onClick=${list.showNewer}>${newer} newer · show</button>`}</span></div>
    <${Failed} problem=${list.problem} again=${list.again} what="The list" />
    ${list.rows.length > 0 && html`<${Rows} list=${list} selected=${selected} onSelect=${toggle} current=${current} q=${q} withArgs=${filter.withArgs} />`}
    ${list.isLoading && html`<${Skeleton} rows=${list.rows.length > 0 ? 2 : 10} />`}
    ${!list.isLoading && list.rows.length === 0 && filter.isValid && !list.problem && html`<${NoRows} list=${list} q=${q} />`}
    ${list.rows.length > 0 && html`<${Selection} rows=${list.rows} selected=${selected} setSelected=${setSelected} isAll=${isAll} setAll=${setAll}
      canAll=${has("bulk")} onAction=${setAction} lookedAt=${list.lookedAt} next=${list.next} isLoading=${list.isLoading} lookFurther=${list.lookFurther} keyOf=${keyOf} />`}
    ${action && html`<${Bulk} action=${action} jobs=${jobs} pairs=${filter.pairs} isAll=${isAll} onClose=${(isDone) => {
      setAction(null);
      if (isDone) setSelected(new Set());
    }} />`}
  `;
}
