// Something done with many jobs: first exactly what would happen, then in steps that can be stopped. Jobs that are added after the
// preview are not touched.

import { useEffect, useRef, useState } from "preact/hooks";

import { has } from "../live/account.js";
import { unfit } from "../parts/action.js";
import { Bar } from "../parts/badge.js";
import { Dialog } from "../parts/dialog.js";
import { Failed, Skeleton } from "../parts/empty.js";
import { Guest } from "../parts/guest.js";
import { html } from "../parts/html.js";
import { count, counted } from "../parts/span.js";
import { Timestamp } from "../parts/timestamp.js";
import { toJob } from "../route/hash.js";
import { toWhere } from "../route/words.js";
import { ask, isAborted, Problem } from "../wire/ask.js";
import { stringify } from "../wire/json.js";
import * as routes from "../wire/routes.js";

const STEP = 1_000;
/** Deleting more than this needs the number to be typed. */
const TYPED_FROM = 100;

const VERBS = {
  retry: { title: "Retry", done: "retried", can: "can be retried", explains: "They run again, with all attempts available." },
  cancel: { title: "Cancel", done: "cancelled", can: "can be cancelled", explains: "Waiting jobs end; running attempts are stopped." },
  delete: { title: "Delete", done: "deleted", can: "can be deleted", explains: "The jobs, their logs and responses are removed for good." },
};

const REASONS = {
  ended: "ended already",
  "not-ended": "have not ended",
  running: "run at the moment",
  "callback-pending": "a handler is still to be called",
  "not-unique": "another of their kind waits or runs",
  "unknown-job": "are gone",
};

/** Says what the host would do, as an answer of a dry run; for hosts without one, from what is on the screen. */
function guess(action, jobs) {
  const cannot = {};
  for (const job of jobs.filter((job) => unfit[action](job))) {
    const code = { retry: "not-ended", cancel: "ended", delete: "running" }[action];
    cannot[code] = (cannot[code] ?? 0) + 1;
  }
  const can = jobs.filter((job) => !unfit[action](job)).length;
  const tasks = {};
  for (const { task } of jobs) tasks[task] = (tasks[task] ?? 0) + 1;
  const times = jobs.map(({ added_at: at }) => at).sort();
  return { matches: jobs.length, looked_at: jobs.length, exact: true, can, cannot, tasks, first_added_at: times[0], last_added_at: times.at(-1), sample: jobs.slice(0, 5), until: null };
}

/** Does it job by job, for hosts without bulk routes. */
async function onSingles(action, jobs, { signal, onStep }) {
  for (const job of jobs) {
    const [path, method] = action === "delete" ? [routes.job(job), "DELETE"] : [routes.change(job, action), "POST"];
    try {
      await ask(path, { method, signal });
      onStep({ changed: 1, skipped: {} });
    } catch (problem) {
      if (isAborted(problem)) throw problem;
      if (problem.status === 0 || problem.status >= 500 || problem.status === 401 || problem.status === 403) throw problem;
      onStep({ changed: 0, skipped: { [problem.code]: 1 } });
    }
  }
}

/** Does it in steps; a step that was cut is not repeated blindly: it goes on behind the last answered one. */
async function inSteps(action, where, until, { signal, onStep, from }) {
  let after = from;
  do {
    const { data } = await ask(routes.bulk(action), { method: "POST", body: stringify({ where, until, after, limit: STEP }), signal });
    // A step that ended early has its next one, too.
    after = data.next;
    onStep({ changed: Number(data.changed), skipped: data.skipped ?? {}, after });
    if (data.stopped_by) throw new Problem({ code: data.stopped_by, detail: "the host cannot change more at the moment" });
  } while (after);
}

function Counted({ of }) {
  return html`${Object.entries(of).map(([code, number]) => html`<li key=${code}>${count(number)}: ${REASONS[code] ?? code}</li>`)}`;
}

function Preview({ preview, verb }) {
  const tasks = Object.entries(preview.tasks ?? {}).sort((one, other) => other[1] - one[1]);
  const cannot = preview.matches - preview.can;
  return html`
    <p>${tasks.slice(0, 8).map(([task, number]) => html`<span key=${task}><${Guest} text=${task} /> ${count(number)} · </span>`)}
      ${tasks.length > 8 && `${counted(tasks.length - 8, "more task")} · `}
      ${preview.first_added_at && html`added <${Timestamp} at=${preview.first_added_at} /> to <${Timestamp} at=${preview.last_added_at} />`}</p>
    <p>${verb.can}: <strong>${count(preview.can)}</strong>${preview.exact ? "" : ` of the first ${count(preview.looked_at)} jobs; the work goes on with the others`}${cannot > 0 ? `; cannot: ${count(cannot)}` : ""}</p>
    <ul><${Counted} of=${preview.cannot ?? {}} /></ul>
    <p>${(preview.sample ?? []).map((job) => html`<a key=${`${job.task}:${job.id}`} href=${toJob(job)} target="_blank" rel="noopener">${job.task} ${String(job.id)}</a> `)}${preview.matches > (preview.sample?.length ?? 0) ? "…" : ""}</p>
    <p class="hint">${verb.explains} Jobs that are added from now on are not touched.</p>`;
}

/** @param {{action: "retry"|"cancel"|"delete", jobs: any[], pairs: [string, string][], isAll: boolean, onClose: (isDone: boolean) => void}} props */
export function Bulk({ action, jobs, pairs, isAll, onClose }) {
  const verb = VERBS[action];
  const isByHost = has("bulk") && (isAll || jobs.length <= STEP);
  const [where] = useState(() => (isAll ? toWhere(pairs) : { ids: jobs.map((job) => `${job.task}:${job.id}`) }));
  const [preview, setPreview] = useState(isByHost ? null : guess(action, jobs));
  const [problem, setProblem] = useState(null);
  const [typed, setTyped] = useState("");
  const [work, setWork] = useState(null);
  const control = useRef(new AbortController());
  const look = async () => {
    setProblem(null);
    try {
      const { data } = await ask(routes.bulk(action), { method: "POST", body: stringify({ where, dry_run: true }), signal: control.current.signal });
      setPreview(data);
    } catch (problem) {
      if (!isAborted(problem)) setProblem(problem);
    }
  };
  useEffect(() => {
    if (isByHost) look();
    return () => control.current.abort();
  }, []);
  const run = async () => {
    control.current = new AbortController();
    const began = { changed: 0, skipped: {}, ...work, state: "running" };
    setWork(began);
    setProblem(null);
    const onStep = ({ changed, skipped, after }) => setWork((before) => {
      const all = { ...before.skipped };
      for (const [code, number] of Object.entries(skipped)) all[code] = (all[code] ?? 0) + Number(number);
      return { ...before, changed: before.changed + changed, skipped: all, after };
    });
    const { signal } = control.current;
    try {
      if (isByHost) await inSteps(action, where, preview.until, { signal, onStep, from: work?.after ?? null });
      else await onSingles(action, jobs.slice(sumOf(work)), { signal, onStep });
      setWork((before) => ({ ...before, state: "done" }));
    } catch (problem) {
      if (!isAborted(problem)) setProblem(problem);
      setWork((before) => ({ ...before, state: "stopped" }));
    }
  };
  const number = preview ? String(preview.can) : "";
  const needsTyping = action === "delete" && Number(preview?.can ?? 0) > TYPED_FROM && !work;
  const isReady = preview && Number(preview.can) > 0 && (!needsTyping || typed.trim().replaceAll(",", "") === number);
  const what = preview ? counted(work ? preview.can : preview.matches, "job") : "jobs";
  const close = () => work?.state === "running" || onClose(Boolean(work));
  return html`<${Dialog} title=${`${verb.title} ${what}?`} onClose=${close}>
    <${Failed} problem=${problem} again=${preview ? null : look} what="The action" />
    ${!preview && !problem && html`<${Skeleton} rows=${3} />`}
    ${preview && !work && html`<${Preview} preview=${preview} verb=${verb} />`}
    ${needsTyping && html`<label class="field">Type ${number} to go on
      <input value=${typed} onInput=${(event) => setTyped(event.target.value)} autocomplete="off" inputmode="numeric" /></label>`}
    ${work && html`<div role="status"><p><${Bar} part=${sumOf(work) / Math.max(1, Number(preview.matches))} label="progress" />
      ${count(work.changed)} ${verb.done}${sumOf(work) > work.changed ? `, ${count(sumOf(work) - work.changed)} skipped` : ""}
      ${{ running: "…", done: " — done", stopped: " — stopped" }[work.state]}</p><ul><${Counted} of=${work.skipped} /></ul></div>`}
    <div class="actions">
      ${work?.state === "running" && html`<button type="button" onClick=${() => control.current.abort()}>Stop</button>`}
      ${work?.state === "stopped" && html`<button type="button" onClick=${run}>Go on</button>`}
      ${work?.state !== "running" && html`<button type="button" onClick=${close}>${work ? "Close" : "Leave it"}</button>`}
      ${!work && html`<button type="button" class=${action === "retry" ? "primary" : "destructive"} aria-disabled=${!isReady} onClick=${() => isReady && run()}>
        ${verb.title} ${preview ? counted(preview.can, "job") : ""}</button>`}
    </div>
  <//>`;
}

/** Returns how many jobs have been looked at. */
function sumOf(work) {
  return work ? work.changed + Object.values(work.skipped).reduce((sum, number) => sum + number, 0) : 0;
}
