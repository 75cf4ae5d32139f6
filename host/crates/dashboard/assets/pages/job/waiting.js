// Why a job waits, and for how long at most: one sentence.

import { Guest } from "../../parts/guest.js";
import { html } from "../../parts/html.js";
import { counted, span } from "../../parts/span.js";
import { ago, useSecond } from "../../parts/timestamp.js";
import { clock } from "../../wire/ask.js";

/** Hosts of before say it by a word alone. */
const WORDS = { ready: "slot", delayed: "moment", retrying: "moment", "on-hold": "add-handler" };

/** Returns what a job waits for, in the form of newer hosts. */
export function waitOf(job, task) {
  const given = job.waiting && typeof job.waiting === "object" ? job.waiting : job.wait && typeof job.wait === "object" ? job.wait : null;
  const reason = given?.for ?? WORDS[job.waiting] ?? "slot";
  const paused = given?.paused ?? (task?.paused ? {} : null);
  const slots = given?.slots ?? (task?.definition?.worker_nums === undefined ? null : Number(task.definition.worker_nums));
  const busy = given?.busy ?? (task ? Number(task.counts.running) : null);
  return { until: job.run_at, ...given, reason: reason === "slot" && paused ? "resume" : reason, paused, slots, busy };
}

const until = (at, now) => (at ? `, in ${span(Math.max(0, Date.parse(at) - now))} at ${new Date(Date.parse(at)).toLocaleTimeString("en-GB")}` : "");

/**
 * Returns the sentence.
 * @param {any} wait of `waitOf`
 */
export function sentence(job, wait, now) {
  switch (wait.reason) {
    case "moment": {
      const isRetry = Number(job.attempt) > 0;
      const which = isRetry ? `its next attempt (${Number(job.attempt) + 1} of ${job.max_attempts})` : "its time";
      const due = Date.parse(wait.until ?? "") <= now;
      return due ? `It may start now, and waits for a slot` : `It waits for ${which}${until(wait.until, now)}`;
    }
    case "resume": {
      const when = wait.paused?.at ? ` ${ago(now - Date.parse(wait.paused.at))}` : "";
      return `Its task was paused${when}${wait.paused?.by ? ` by ${wait.paused.by}` : ""}`;
    }
    case "add-handler":
      return "Its add handler has not answered yet";
    case "room":
      return "The host has no room for its sandbox at the moment";
    case "share":
      return "Its tenant has its share of the host at the moment";
    case "store":
      return "The job store does not take changes at the moment";
    case "drain":
      return "The host drains: no attempt begins any more";
    default:
      return forSlot(wait, now);
  }
}

function forSlot(wait, now) {
  const parts = [];
  if (wait.slots !== null && wait.busy !== null) parts.push(`${wait.busy} of ${counted(wait.slots, "slot")} are busy`);
  if (wait.ahead !== undefined && wait.ahead !== null) {
    const least = wait.ahead_exact === false ? "at least " : "";
    parts.push(Number(wait.ahead) === 0 ? "it is the next" : `${least}${counted(wait.ahead, "job is", "jobs are")} before it`);
  }
  if (wait.estimate_ms) parts.push(`some ${span(wait.estimate_ms)}`);
  const free = wait.next_free_by ? `; the next slot is free in ${span(Math.max(0, Date.parse(wait.next_free_by) - now))} at the latest` : "";
  return `It waits for a slot${parts.length > 0 ? `: ${parts.join(", ")}` : ""}${free}`;
}

export function Waiting({ job, task }) {
  useSecond();
  return html`<p class="error"><${Guest} text=${sentence(job, waitOf(job, task), clock.now())} />.</p>
    ${job.problem && html`<p class="bad">The last attempt: <${Guest} text=${job.problem.message} /> <code><${Guest} text=${job.problem.code} /></code></p>`}`;
}
