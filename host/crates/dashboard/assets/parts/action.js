// Buttons that change something: they stay when a role is too small, and say why they do nothing.

import { useId, useState } from "preact/hooks";

import { account, whyNot } from "../live/account.js";
import { useStore } from "../live/store.js";
import { ask } from "../wire/ask.js";
import * as routes from "../wire/routes.js";
import { confirm } from "./dialog.js";
import { classes, html } from "./html.js";
import { toast, toastProblem } from "./toast.js";

/** Returns why the caller may not; null if it may. */
export function useWhyNot(role) {
  return useStore(account, ({ me }) => whyNot(role, me));
}

/** @param {{role?: string, why?: string|null, run: () => any, kind?: string}} props `why` is a reason of its own to do nothing */
export function Action({ role = "write", why = null, run, kind, children, label }) {
  const tooSmall = useWhyNot(role);
  const [isBusy, setBusy] = useState(false);
  const id = useId();
  const reason = tooSmall ?? why;
  const click = async () => {
    if (reason || isBusy) return;
    setBusy(true);
    try {
      await run();
    } finally {
      setBusy(false);
    }
  };
  return html`<button type="button" class=${classes(kind)} aria-disabled=${Boolean(reason) || isBusy} aria-describedby=${reason ? id : undefined}
    aria-label=${label} title=${reason ?? ""} onClick=${click}>${children}</button>
    ${reason && html`<span id=${id} class="visually-hidden">${reason}</span>`}`;
}

/** Asks for a change; says what came of it. Returns the answer; null if it failed. */
export async function change(what, path, options = {}) {
  try {
    const { data } = await ask(path, { method: "POST", ...options });
    toast(what);
    return data ?? {};
  } catch (problem) {
    if (problem.name !== "AbortError") toastProblem(what, problem);
    return null;
  }
}

/** Returns the name of a job for people. */
export function jobName(job) {
  return `${job.task} ${job.id}`;
}

export function retryJob(job) {
  return change(`Retried ${jobName(job)}`, routes.change(job, "retry"));
}

export async function cancelJob(job) {
  const body = html`<p>${job.status === "RUNNING" ? "Its attempt is stopped" : "It ends without another attempt"}; it is FAILURE with the reason cancelled.</p>`;
  const isSure = await confirm({ title: `Cancel ${jobName(job)}?`, body, action: "Cancel the job", isDestructive: true });
  return isSure ? change(`Cancelled ${jobName(job)}`, routes.change(job, "cancel")) : null;
}

export async function deleteJob(job) {
  const body = html`<p>The job, its response, its log and its attempts are removed for good.</p>`;
  const isSure = await confirm({ title: `Delete ${jobName(job)}?`, body, action: "Delete the job", isDestructive: true });
  return isSure ? change(`Deleted ${jobName(job)}`, routes.job(job), { method: "DELETE" }) : null;
}

export function redeliverJob(job) {
  return change(`Delivering the callbacks of ${jobName(job)} again`, routes.change(job, "redeliver"));
}

export async function pauseTask(task) {
  const body = html`<p>No attempt begins until it is resumed, also after a restart. Running attempts go on, and jobs can be added.</p>`;
  const isSure = await confirm({ title: `Pause ${task.id}?`, body, action: "Pause the task" });
  return isSure ? change(`Paused ${task.id}`, routes.pauseTask(task.id)) : null;
}

export function resumeTask(task) {
  return change(`Resumed ${task.id}`, routes.resumeTask(task.id));
}

const isOver = (job) => job.status === "SUCCESS" || job.status === "FAILURE";

/** Why an action does not fit the state of a job; null if it does. */
export const unfit = {
  retry: (job) => (isOver(job) ? null : "only a job that has ended can be retried"),
  cancel: (job) => (isOver(job) ? "it has ended" : job.cancelling ? "it is being stopped" : null),
  delete: (job) => (job.status === "RUNNING" ? "it runs; cancel it first" : null),
};
