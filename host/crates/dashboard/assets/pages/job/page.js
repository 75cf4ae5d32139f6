// A job: why it is as it is, first; then its life, its log, its arguments, and what can be done with it.

import { useState } from "preact/hooks";

import { Timeline } from "../../charts/timeline.js";
import { has, may } from "../../live/account.js";
import { useLook } from "../../live/look.js";
import { Action, cancelJob, deleteJob, redeliverJob, retryJob, unfit } from "../../parts/action.js";
import { Bar, Status } from "../../parts/badge.js";
import { copyText } from "../../parts/copy.js";
import { Empty, Failed, Skeleton } from "../../parts/empty.js";
import { Guest } from "../../parts/guest.js";
import { classes, html } from "../../parts/html.js";
import { useKeys } from "../../parts/keys.js";
import { Menu } from "../../parts/menu.js";
import { count, counted, span } from "../../parts/span.js";
import { toast } from "../../parts/toast.js";
import { Timestamp, useSecond } from "../../parts/timestamp.js";
import { go, link, toJob, toJobs, toTask } from "../../route/hash.js";
import { address, clock } from "../../wire/ask.js";
import * as routes from "../../wire/routes.js";
import { session } from "../../wire/session.js";
import { Arguments, Response } from "./arguments.js";
import { Attempts, Frames, Memory, memoryLimit } from "./attempt.js";
import { useJob } from "./data.js";
import { linesOf, Log } from "./log.js";
import { Waiting } from "./waiting.js";

/** A countdown to the deadline of the running attempt, and what it uses. */
function Running({ job, usage, definition }) {
  useSecond();
  const now = clock.now();
  const running = { ...job.explanation?.running, ...usage };
  const began = Date.parse(job.started_at);
  const timeout = Number(definition?.timeout ?? 0) * 1_000;
  const deadline = running.deadline_at ? Date.parse(running.deadline_at) : timeout ? began + timeout : null;
  const part = deadline ? (now - began) / (deadline - began) : 0;
  const tone = part > 0.95 ? "bad" : part > 0.8 ? "warn" : undefined;
  const total = Number(job.total);
  return html`
    <p class="error">${job.cancelling ? "It is being stopped" : `Attempt ${job.attempt} of ${job.max_attempts} runs`} since ${span(Math.max(0, Math.floor((now - began) / 1_000) * 1_000))}.</p>
    <dl class="facts">
      <dt>progress</dt><dd>${total > 0 && html`<${Bar} part=${Number(job.current) / total} label="progress" /> ${count(job.current)} of ${count(job.total)} `}<${Guest} text=${job.message} />${!job.message && !total ? "nothing was reported" : ""}</dd>
      ${deadline && html`<dt>deadline</dt><dd><${Bar} part=${part} label="time used" tone=${tone} /> ${deadline > now ? `in ${span(Math.ceil((deadline - now) / 1_000) * 1_000)}` : "now"}${tone ? " ▲" : ""}</dd>`}
      ${running.cpu_ms !== undefined && html`<dt>CPU</dt><dd>${span(running.cpu_ms)}</dd>`}
      ${running.memory !== undefined && html`<dt>memory</dt><dd><${Memory} used=${running.memory} limit=${running.memory_limit ?? memoryLimit(definition)} />${running.memory_peak ? html`, peak <${Memory} used=${running.memory_peak} />` : ""}</dd>`}
      ${running.digest && html`<dt>version</dt><dd><code>${String(running.digest).slice(0, 8)}</code>${running.slot === undefined ? "" : `, slot ${running.slot}`}</dd>`}
    </dl>`;
}

function Why({ job, usage, task, raw }) {
  const tone = job.status === "FAILURE" ? "failure" : job.status === "RUNNING" ? "running" : job.status === "SUCCESS" ? "success" : null;
  const similar = job.reason && toJobs(`task:${job.task} status:FAILURE${job.group ? ` group:${job.group}` : ""} added:-1h`);
  return html`<section class=${classes("panel why", tone)} aria-label="Why">
    ${job.status === "FAILURE" && html`
      <p class="error"><${Guest} text=${job.problem?.message ?? job.reason} /> ${job.problem && html`<code><${Guest} text=${job.problem.code} /></code>`}</p>
      <p>${REASONS[job.reason] ?? job.reason}${job.total ? html`; last progress ${count(job.current)} of ${count(job.total)} <${Guest} text=${job.message} />` : ""}.
        ${similar && html` <a href=${similar}>others of the last hour</a>`}</p>
      <${Details} details=${job.problem?.details} raw=${raw} />`}
    ${job.status === "SUCCESS" && html`<p class="error">It succeeded ${job.ended_at ? html`<${Timestamp} at=${job.ended_at} />` : ""}, with attempt ${job.attempt} of ${job.max_attempts}.</p>`}
    ${job.status === "RUNNING" && html`<${Running} job=${job} usage=${usage} definition=${task?.definition} />`}
    ${job.status === "WAITING" && html`<${Waiting} job=${job} task=${task} />`}
    ${(job.callbacks ?? []).map((callback, at) => html`<p key=${at} class=${callback.state === "given-up" ? "bad" : "warn"}>▲ The ${callback.event} handler ${callback.state === "given-up" ? "was given up" : "is still to be called"} after ${counted(callback.tries, "try", "tries")}
      ${callback.problem && html`: <${Guest} text=${callback.problem.message} />`} ${callback.next_try_at && html`; again <${Timestamp} at=${callback.next_try_at} future=${true} />`}</p>`)}
  </section>`;
}

function Details({ details }) {
  if (details === null || details === undefined) return null;
  if (Array.isArray(details.backtrace)) return html`<${Frames} details=${details} />`;
  return html`<pre class="frames" tabindex="0" aria-label="Details"><${Guest} text=${JSON.stringify(details, null, 2)} /></pre>`;
}

const REASONS = {
  failed: "The processor failed on the last attempt",
  rejected: "The processor rejected it, so it was not retried",
  trap: "The last attempt trapped",
  timeout: "The last attempt was stopped at its `timeout`",
  "out-of-memory": "The last attempt needed more memory than its limit",
  cancelled: "It was cancelled",
  lost: "The host died during the last attempt",
};

function Facts({ job }) {
  const canCount = has("count") && has("filter:parent");
  const children = useLook(canCount ? routes.countJobs({ parent: `${job.task}:${job.id}` }) : null, job.status).data;
  return html`<section class="panel" aria-label="More"><dl class="facts">
    <dt>added</dt><dd><${Timestamp} at=${job.added_at} /></dd>
    ${job.ended_at && html`<dt>ended</dt><dd><${Timestamp} at=${job.ended_at} /></dd>`}
    <dt>priority</dt><dd>${job.priority}</dd>
    ${job.key && html`<dt>key</dt><dd><code><${Guest} text=${job.key} /></code></dd>`}
    ${job.parent && html`<dt>added by</dt><dd><a href=${toJob(job.parent)}><${Guest} text=${job.parent.task} /> ${String(job.parent.id)}</a></dd>`}
    ${Number(children?.count ?? 0) > 0 && html`<dt>children</dt><dd><a href=${toJobs(`parent:${job.task}:${job.id}`)}>${counted(children.count, "job")}${children.exact ? "" : " at least"}</a></dd>`}
    ${job.again_of && html`<dt>run again from</dt><dd><a href=${toJob(job.again_of)}><${Guest} text=${job.again_of.task} /> ${String(job.again_of.id)}</a></dd>`}
    ${job.trace_parent && html`<dt>trace</dt><dd><code>${job.trace_parent.split("-")[1]}</code></dd>`}
  </dl></section>`;
}

function Actions({ job, isDeleted, after }) {
  const gone = isDeleted ? "it was deleted" : null;
  const curl = () => `curl ${address(routes.job(job))}${session.token ? " -H \"Authorization: Bearer $TOKEN\"" : ""}`;
  const copy = (text, what) => () => copyText(text).then((isDone) => toast(isDone ? `Copied ${what}` : "It cannot be copied here", isDone ? "success" : "failure"));
  const run = (action) => async () => (await action(job)) && after();
  const items = [
    { text: "Copy as curl", run: copy(curl(), "the command") },
    { text: "Copy the link", run: copy(location.href, "the link") },
    ...(job.trace_parent ? [{ text: "Copy the trace id", run: copy(job.trace_parent.split("-")[1], "the trace id") }] : []),
  ];
  const hasGivenUp = (job.callbacks ?? []).length > 0;
  return html`<span class="push row">
    <${Action} run=${run(retryJob)} why=${gone ?? unfit.retry(job)}>↻ Retry<//>
    <${Action} run=${run(cancelJob)} why=${gone ?? unfit.cancel(job)}>✕ Cancel…<//>
    <${Action} run=${() => go(link(["tasks", job.task, "jobs", job.id, "again"]))}>✎ Edit and run again<//>
    ${hasGivenUp && html`<${Action} run=${run(redeliverJob)} why=${gone}>Deliver again<//>`}
    <${Action} run=${run(deleteJob)} why=${gone ?? unfit.delete(job)}>Delete…<//>
    <${Menu} label="Copy" items=${items} />
  </span>`;
}

function useJobKeys(job, isDeleted, after) {
  const act = (action, name) => async () => may("write") && job && !isDeleted && !unfit[name](job) && (await action(job)) && after();
  useKeys({
    r: { means: "retry the job", run: act(retryJob, "retry") },
    c: { means: "cancel the job", run: act(cancelJob, "cancel") },
  });
}

function NotThere({ of }) {
  return html`<${Empty} title="There is no such job">
    <p>It never existed, was deleted, or its retention is over: the task's <code>retention</code> says how long ended jobs are kept.</p>
    <p><a href=${toJobs(`task:${of.task}`)}>Jobs of <${Guest} text=${of.task} /></a></p>
  <//>`;
}

export default function JobPage({ path }) {
  const of = { task: path[1], id: path[3] };
  const known = useJob(of);
  const { job, raw, attempts, lines, problem, isLoading, isDeleted, isAway, usage } = known;
  const task = useLook(routes.task(of.task)).data;
  const [chosen, setChosen] = useState("");
  useJobKeys(job, isDeleted, known.again);
  const head = html`<div class="head"><h1 tabindex="-1"><a href=${toTask(of.task)}><${Guest} text=${of.task} /></a> <span class="mono">${of.id}</span></h1>
    ${job && html`<${Status} job=${job} />`}
    ${job && html`<${Actions} job=${job} isDeleted=${isDeleted} after=${known.again} />`}</div>`;
  if (problem?.status === 404) return html`${head}<${NotThere} of=${of} />`;
  if (!job) return html`${head}<${Failed} problem=${problem} again=${known.again} what="The job" />${isLoading && html`<${Skeleton} rows=${8} />`}`;
  const isOver = job.status === "SUCCESS" || job.status === "FAILURE";
  const onLog = (run) => {
    setChosen(run);
    document.querySelector("section[aria-label=Log]")?.scrollIntoView({ block: "nearest" });
  };
  return html`${head}
    ${isDeleted && html`<div class="message warning" role="status">This job was deleted; this is what was known of it.</div>`}
    ${isAway && html`<div class="message failure" role="status">The host does not answer; this is what was known.</div>`}
    <${Failed} problem=${problem} again=${known.again} what="The newest state" />
    <${Why} job=${job} usage=${usage} task=${task} raw=${raw} />
    <section class="panel" aria-label="Attempts"><h2>Life</h2><${Life} job=${job} attempts=${attempts} isOver=${isOver} />
      <${Attempts} job=${job} attempts=${attempts} definition=${task?.definition} current=${task?.digest} linesOfAttempt=${(attempt) => linesOf(lines, attempt)} onLog=${onLog} /></section>
    <div class="split"><${Log} lines=${lines} attempts=${attempts} chosen=${chosen} onChoose=${setChosen} isGrowing=${!isOver && !isDeleted} />
      <div><${Arguments} job=${job} raw=${raw} /><${Response} job=${job} raw=${raw} /><${Facts} job=${job} /></div></div>`;
}

function Life({ job, attempts, isOver }) {
  useSecond(!isOver);
  return html`<${Timeline} job=${job} attempts=${attempts} now=${clock.now()} />`;
}
