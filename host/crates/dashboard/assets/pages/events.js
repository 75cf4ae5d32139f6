// Events as they happen: the newest five hundred, gathered and drawn four times a second, and how many were left out.

import { useEffect, useRef, useState } from "preact/hooks";

import { pulse, suspendPulse } from "../live/pulse.js";
import { useStore } from "../live/store.js";
import { awake } from "../live/visibility.js";
import { Badge } from "../parts/badge.js";
import { Empty, Failed } from "../parts/empty.js";
import { Guest } from "../parts/guest.js";
import { html } from "../parts/html.js";
import { count } from "../parts/span.js";
import { Timestamp } from "../parts/timestamp.js";
import { go, link, toJob, toTask } from "../route/hash.js";
import { isAborted } from "../wire/ask.js";
import * as routes from "../wire/routes.js";
import { backoff, stream } from "../wire/stream.js";

const ROWS = 500;
const GATHER_MS = 250;

const KINDS = { added: "waiting", started: "running", progress: "running", retrying: "delayed", cancelling: "warn", requeued: "waiting", retried: "waiting", deleted: "warn", succeeded: "success", failed: "failure" };

/** Keeps the newest rows; returns them with how many were left out. */
export function gather(rows, more, most = ROWS) {
  const newest = more.slice(-most).reverse();
  return { rows: [...newest, ...rows].slice(0, most), left: Math.max(0, more.length - most) };
}

function useEvents(task, isPaused) {
  const [state, setState] = useState({ rows: [], seen: 0, left: 0, rate: 0, problem: null, gaps: 0 });
  const lastId = useRef(null);
  const isAwake = useStore(awake, (all) => all.isAwake);
  useEffect(() => {
    setState({ rows: [], seen: 0, left: 0, rate: 0, problem: null, gaps: 0 });
    lastId.current = null;
  }, [task]);
  useEffect(() => {
    if (isPaused || !isAwake) return undefined;
    const control = new AbortController();
    const resume = suspendPulse();
    let gathered = [];
    let gaps = 0;
    const timer = setInterval(() => {
      const [more, missed] = [gathered, gaps];
      [gathered, gaps] = [[], 0];
      if (getSelection()?.isCollapsed === false && more.length + missed > 0) {
        gathered = more.slice(-ROWS);
        gaps = missed;
        return;
      }
      setState((before) => {
        if (more.length === 0 && missed === 0 && before.rate === 0) return before;
        const { rows, left } = gather(before.rows, more);
        return { ...before, rows, seen: before.seen + more.length, left: before.left + left, rate: Math.round((more.length * 1_000) / GATHER_MS), gaps: before.gaps + missed, problem: null };
      });
    }, GATHER_MS);
    const run = async () => {
      for (let tries = 0; !control.signal.aborted; tries += 1) {
        try {
          await stream(routes.events({ task }), {
            signal: control.signal,
            lastId: lastId.current,
            onEvent: ({ event, data, id }) => {
              lastId.current = id ?? lastId.current;
              tries = 0;
              if (event === "gap") gaps += Number(data.events ?? 1);
              else if (data.kind ?? data.task) gathered.push({ kind: event, ...data });
            },
          });
        } catch (problem) {
          if (isAborted(problem)) return;
          setState((before) => ({ ...before, problem }));
          if (problem.status >= 400 && problem.status < 500) return;
          await new Promise((resolve) => setTimeout(resolve, backoff(tries, problem.retryAfter)));
        }
      }
    };
    run();
    return () => {
      control.abort();
      clearInterval(timer);
      resume();
    };
  }, [task, isPaused, isAwake]);
  return state;
}

function what(event) {
  if (event.message !== undefined && event.total) return html`${count(event.current)} of ${count(event.total)} <${Guest} text=${event.message} />`;
  if (event.message) return html`<${Guest} text=${event.message} />`;
  if (event.reason) return event.reason;
  if (event.run_at) return html`again <${Timestamp} at=${event.run_at} future=${true} />`;
  return event.attempt ? `attempt ${event.attempt}` : "";
}

export default function Events({ query }) {
  const task = query.get("task") ?? "";
  const [isPaused, setPaused] = useState(false);
  const { rows, seen, left, rate, problem, gaps } = useEvents(task, isPaused);
  const tasks = useStore(pulse, (state) => state.tasks);
  return html`<div class="head"><h1 tabindex="-1">Events</h1>
      <span class="push row"><span class="hint">${count(seen)} seen, ${count(rate)}/s${left > 0 ? `, ${count(left)} too fast to be shown` : ""}${gaps > 0 ? `, ${count(gaps)} missed` : ""}</span>
        <select aria-label="Task" value=${task} onChange=${(event) => go(link(["events"], { task: event.target.value }))}>
          <option value="">all tasks</option>${[...tasks.keys()].sort().map((id) => html`<option key=${id} value=${id}>${id}</option>`)}</select>
        <button type="button" aria-pressed=${isPaused} onClick=${() => setPaused(!isPaused)}>❚❚ Pause</button></span></div>
    <${Failed} problem=${problem} what="The stream of events" />
    ${rows.length === 0
      ? html`<${Empty} title="Nothing has happened since this page was opened"><p>Events of jobs appear here as they happen.</p><//>`
      : html`<div class="scroll" tabindex="0" role="group" aria-label="Events"><table>
        <thead><tr><th scope="col">when</th><th scope="col">what happened</th><th scope="col">job</th><th scope="col">more</th></tr></thead>
        <tbody>${rows.map((event, at) => html`<tr key=${`${seen - at}`}>
          <td class="nowrap muted">${String(event.at).slice(11, 23)}</td><td><${Badge} kind=${KINDS[event.kind] ?? "waiting"}>${event.kind}<//></td>
          <td class="nowrap"><a href=${toTask(event.task)}><${Guest} text=${event.task} /></a> <a class="mono" href=${toJob(event)}>${String(event.id)}</a></td>
          <td class="what">${what(event)}</td></tr>`)}</tbody></table></div>`}`;
}
