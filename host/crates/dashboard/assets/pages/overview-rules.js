// The rules of the overview: sums and rates of tasks, and when something needs somebody.

import { link, toJobs } from "../route/hash.js";
import { count, share, span } from "../parts/span.js";

/** A job that is ready for longer waits too long. */
const OLD_MS = 60_000;
const RATE_MS = 10_000;
/** Failures of a minute below this may be chance. */
const FEW = 5;

export function totals(tasks) {
  const sums = { waiting: 0, delayed: 0, onHold: 0, running: 0, slots: 0 };
  for (const { counts, slots } of tasks) {
    sums.waiting += Number(counts?.waiting ?? 0);
    sums.delayed += Number(counts?.delayed ?? 0);
    sums.onHold += Number(counts?.on_hold ?? 0);
    sums.running += Number(counts?.running ?? 0);
    sums.slots += Number(slots ?? 0);
  }
  return sums;
}

/** Returns rates per second: of the last ten seconds if they were seen, else the host's own of the last minute. */
export function perSecond(tasks, history, now) {
  const sum = { succeeded: 0, failed: 0, retried: 0, added: 0 };
  for (const { id, rates } of tasks) {
    const samples = history.of.get(id) ?? [];
    const isSeen = samples.length > 0 && samples[0].at < now - RATE_MS + 2_000;
    const did = isSeen ? history.sum([id], now, RATE_MS) : null;
    for (const kind of Object.keys(sum)) {
      sum[kind] += did ? did[kind] / (RATE_MS / 1_000) : Number(rates?.[kind]?.per_second ?? 0);
    }
  }
  return sum;
}

/** Returns how many jobs failed of those that ended lately. */
export function failShare(tasks, history, now) {
  const sum = history.sum(tasks.map(({ id }) => id), now, 300_000);
  if (sum.succeeded + sum.failed > 0) return { part: sum.failed, of: sum.succeeded + sum.failed };
  const [failed, succeeded] = ["failed", "succeeded"].map((kind) => tasks.reduce((all, { rates }) => all + Number(rates?.[kind]?.per_second ?? 0) * 60, 0));
  return { part: failed, of: failed + succeeded };
}

/** Returns the tasks of which many attempts failed in the last minutes, the worst first. */
export function failing(tasks, history, now) {
  const found = tasks.map((task) => {
    const { succeeded, failed, retried } = history.sum([task.id], now, 300_000);
    const bad = failed + retried;
    return { id: task.id, bad, part: bad / (bad + succeeded || 1) };
  });
  return found.filter(({ bad, part }) => bad >= FEW && part > 0.05).sort((one, other) => other.part - one.part).map(({ id }) => id);
}

const NOT_READY = {
  stopping: "The host is stopping: it takes no more jobs",
  "store-full": "The disk with the job store is full: adding jobs is refused",
  "store-busy": "Another program keeps the job store locked",
  "store-failed": "The job store has failed; the host's log says why",
};

function ofTask(task, now) {
  const found = [];
  const waiting = Number(task.counts?.waiting ?? 0);
  if (task.state === "broken") found.push({ key: `broken ${task.id}`, tone: "failure", task: task.id, text: `cannot run: ${task.problem ?? "its file or a plugin has an error"}` });
  if (task.paused && waiting > 0) found.push({ key: `paused ${task.id}`, kind: "paused", tone: "warning", task: task.id, text: `is paused; ${count(waiting)} wait` });
  const old = now - Date.parse(task.first_ready_at ?? "");
  if (!task.paused && old > OLD_MS) {
    found.push({ key: `old ${task.id}`, tone: "warning", task: task.id, text: `the first job that is ready has waited ${span(old)}`, to: toJobs(`task:${task.id} status:WAITING`), toText: "jobs" });
  }
  if (task.held_by) found.push({ key: `held ${task.id}`, tone: "warning", task: task.id, text: `no attempt begins: the tenant's quota \`${task.held_by}\` is used up` });
  const { failed, succeeded } = task.rates ?? {};
  const minute = { failed: Number(failed?.per_second ?? 0) * 60, succeeded: Number(succeeded?.per_second ?? 0) * 60 };
  const all = { failed: Number(failed?.total ?? 0), succeeded: Number(succeeded?.total ?? 0) };
  const [now1, ever] = [minute, all].map((one) => one.failed / (one.failed + one.succeeded || 1));
  if (minute.failed >= FEW && now1 > 0.05 && now1 > 3 * ever) {
    found.push({ key: `fails ${task.id}`, tone: "failure", task: task.id, text: `${share(now1, 1)} of its jobs fail in the last minute (${share(ever, 1)} since the start)`, to: toJobs(`task:${task.id} status:FAILURE added:-1h`), toText: "failed jobs" });
  }
  return found;
}

/** Returns the reason of most failures of a group. */
export function mainReason({ reasons }) {
  return Object.entries(reasons ?? {}).sort((one, other) => other[1] - one[1])[0]?.[0] ?? "failed";
}

/** Returns a group of failures that only one version has, of a task that ran others. */
function ofVersions(failures) {
  const found = [];
  for (const group of failures?.groups ?? []) {
    const versions = Object.keys(group.digests ?? {});
    const reason = mainReason(group);
    if (versions.length !== 1 || Number(group.count) < FEW || !["trap", "out-of-memory"].includes(reason)) continue;
    found.push({ key: `group ${group.group}`, tone: "failure", task: group.task, job: { task: group.task, id: group.last_id }, text: `${count(group.count)} × ${reason}, only in version ${versions[0].slice(0, 8)}: ${group.message}`, to: toJobs(`task:${group.task} group:${group.group}`), toText: "all" });
  }
  return found;
}

/** Returns what needs somebody, the worst first. */
export function alerts({ tasks, orphans, notReady, failures, problems, now }) {
  const found = [];
  if (notReady) found.push({ key: "ready", tone: "failure", text: NOT_READY[notReady] ?? `The host takes no jobs: ${notReady}` });
  for (const problem of (problems?.problems ?? []).slice(0, 5)) {
    const place = [problem.file, problem.line].filter(Boolean).join(":");
    found.push({ key: `problem ${place} ${problem.message}`, tone: problem.severity === "error" ? "failure" : "warning", text: `${place}: ${problem.message}${problem.help ? ` — ${problem.help}` : ""}`, to: link(["host"]), toText: "show" });
  }
  for (const orphan of orphans) {
    if (orphan.problem && !problems) found.push({ key: `orphan ${orphan.id}`, tone: "failure", text: `${orphan.id} cannot run: ${orphan.problem}` });
  }
  found.push(...ofVersions(failures), ...tasks.flatMap((task) => ofTask(task, now)));
  const weight = ({ tone }) => (tone === "failure" ? 0 : 1);
  return found.sort((one, other) => weight(one) - weight(other)).slice(0, 12);
}
