// Why a job waits, and for how long at most: one sentence.

import { Guest } from "../../parts/guest.js";
import { html } from "../../parts/html.js";
import { counted, span } from "../../parts/span.js";
import { useSecond } from "../../parts/timestamp.js";
import { clock } from "../../wire/ask.js";

/** What a job waits for, by the word that all hosts have. */
const WORDS = { ready: "slot", delayed: "time", retrying: "time", "on-hold": "add-handler" };

/** Returns what a job waits for: the host's explanation, or what can be said without one. */
export function waitOf(job, task) {
  const given = job.explanation?.wait;
  if (given) return given;
  const isPaused = task?.paused && job.waiting === "ready";
  const slots = task?.definition?.worker_nums;
  return {
    reason: isPaused ? "paused" : WORDS[job.waiting] ?? "slot",
    until: job.run_at,
    slots: slots === undefined ? null : Number(slots),
    busy: task ? Number(task.counts.running) : null,
  };
}

const until = (at, now) => (at ? `, in ${span(Math.max(0, Date.parse(at) - now))} at ${new Date(Date.parse(at)).toLocaleTimeString("en-GB")}` : "");

/**
 * Returns the sentence.
 * @param {any} wait of `waitOf`
 */
export function sentence(job, wait, now) {
  switch (wait.reason) {
    case "time": {
      const which = Number(job.attempt) > 0 ? `its next attempt (${Number(job.attempt) + 1} of ${job.max_attempts})` : "its time";
      const at = wait.until ?? job.run_at;
      return Date.parse(at ?? "") <= now ? "It may start now, and waits for a slot" : `It waits for ${which}${until(at, now)}`;
    }
    case "paused":
      return "Its task is paused";
    case "add-handler":
      return "Its add handler has not answered yet";
    case "quota":
      return `The tenant's quota ${wait.quota ? `\`${wait.quota}\`` : ""} is used up at the moment`;
    case "not-ready":
      return "The plugins of its task are being compiled, or have an error";
    case "stopping":
      return "The host drains: no attempt begins before its next start";
    default:
      return forSlot(wait, now);
  }
}

function forSlot(wait, now) {
  const parts = [];
  if (wait.slots && wait.busy !== null) parts.push(`${wait.busy} of ${counted(wait.slots, "slot")} are busy`);
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
