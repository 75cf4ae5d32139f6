// The status of a job: shape, word and colour, so that none of them is needed alone. Bars of progress and of use.

import { clock } from "../wire/ask.js";
import { Guest } from "./guest.js";
import { classes, html } from "./html.js";
import { span } from "./span.js";
import { useSecond } from "./timestamp.js";

const SHAPES = { waiting: "◌", delayed: "◔", running: "●", success: "✔", failure: "✖", warn: "▲" };

export function Badge({ kind, children }) {
  return html`<span class="badge ${kind}"><span class="shape" aria-hidden="true">${SHAPES[kind]}</span>${children}</span>`;
}

/** The status of a job in a row. */
export function Status({ job }) {
  const isDelayed = job.status === "WAITING" && Date.parse(job.run_at ?? "") > clock.now();
  useSecond(isDelayed);
  if (job.status === "RUNNING") return html`<${Badge} kind="running">${job.cancelling ? "cancelling" : html`<${Progress} job=${job} />`}<//>`;
  if (job.status === "SUCCESS") return html`<${Badge} kind="success">success<//>`;
  if (job.status === "FAILURE") return html`<${Badge} kind="failure">${job.reason ?? "failure"}<//>`;
  if (isDelayed) return html`<${Badge} kind="delayed">in ${span(Date.parse(job.run_at) - clock.now())}<//>`;
  return html`<${Badge} kind="waiting">${job.waiting === "on-hold" ? "on hold" : "waiting"}<//>`;
}

/** Progress as a bar with its share; the word alone if nothing was reported. */
export function Progress({ job }) {
  const [current, total] = [Number(job.current ?? 0), Number(job.total ?? 0)];
  if (!total) return "running";
  const part = Math.min(1, current / total);
  return html`<${Bar} part=${part} label="progress" /><span>${Math.floor(part * 100)} %</span>`;
}

/** A bar that is filled by a part from 0 to 1. */
export function Bar({ part, label, tone }) {
  const width = Math.round(Math.max(0, Math.min(1, part || 0)) * 1_000);
  return html`<span class="bar" role="img" aria-label="${label}: ${Math.round(width / 10)} %">
    <svg viewBox="0 0 1000 8" preserveAspectRatio="none" aria-hidden="true"><rect class=${classes("fill", tone)} width=${width} height="8" /></svg>
  </span>`;
}

/** What is to be said of a job in a row: its progress, or its problem. */
export function What({ job }) {
  const { problem } = job;
  if (job.status !== "SUCCESS" && problem) {
    return html`<${Guest} text=${problem.message} /> <span class="muted">(<${Guest} text=${problem.code} />)</span>`;
  }
  return job.message ? html`<${Guest} text=${job.message} />` : "";
}

/** How long a job has run, or ran. */
export function Took({ job }) {
  useSecond(job.status === "RUNNING");
  const from = Date.parse(job.started_at ?? "");
  if (Number.isNaN(from)) return html`<span class="muted">–</span>`;
  const to = job.ended_at ? Date.parse(job.ended_at) : clock.now();
  return html`<span class="nowrap">${span(Math.max(0, job.ended_at ? to - from : Math.floor((to - from) / 1_000) * 1_000))}</span>`;
}
