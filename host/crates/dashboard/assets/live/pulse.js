// The counts of all tasks, kept fresh by one stream or by asking again. Says how fresh they are.

import { ask, clock, isAborted } from "../wire/ask.js";
import * as routes from "../wire/routes.js";
import { session } from "../wire/session.js";
import { backoff, stream } from "../wire/stream.js";
import { account, has, signIn } from "./account.js";
import { History } from "./history.js";
import { preferences } from "./preferences.js";
import { createStore } from "./store.js";
import { tabs } from "./tabs.js";
import { awake } from "./visibility.js";

/** Two cuts within this time: something between does not like streams. */
const CUTS_MS = 10_000;
const NO_STREAM_MS = 60_000;
const NAMES_MS = 30_000;

export const history = new History();

export const pulse = createStore({
  /** @type {"starting"|"live"|"polling"|"paused"|"away"|"asleep"} */
  mode: "starting",
  /** When the counts were true, by the host's clock. */
  at: null,
  /** The code that adding jobs is refused with; null if the host takes jobs. */
  notReady: null,
  /** @type {Map<string, any>} */
  tasks: new Map(),
  orphans: [],
  /** Grows with each report. */
  version: 0,
  problem: null,
});

let paused = false;
let suspended = 0;
let current = new AbortController();
let noStreamUntil = 0;
let lastCut = 0;
let namesAt = 0;

/** Ends what runs, so that the loop looks at its circumstances again. */
function again() {
  current.abort();
}

export function isPaused() {
  return paused;
}

export function pause(value = !paused) {
  paused = value;
  again();
}

/** A job's page follows its job instead. Returns a function that ends this. */
export function suspendPulse() {
  suspended += 1;
  again();
  return () => {
    suspended -= 1;
    again();
  };
}

/** Asks for the counts now. */
export function refresh() {
  namesAt = 0;
  again();
}

function summary(task, before) {
  return {
    ...before,
    ...task,
    busy: task.busy ?? before?.busy ?? task.counts?.running ?? 0,
    slots: task.slots ?? before?.slots ?? task.definition?.worker_nums ?? null,
  };
}

/** Takes the answer of `GET /v1/tasks`. */
function takeTasks(data, isCounted) {
  const now = clock.now();
  const known = pulse.get().tasks;
  const tasks = new Map();
  for (const task of data.tasks) {
    const before = known.get(task.id);
    // Counts of the stream are newer than those of an answer that was under way.
    tasks.set(task.id, isCounted || !before?.second ? summary(task, before) : { ...summary(task, before), counts: before.counts });
    if (isCounted) history.addTotals(task.id, now, task.rates);
  }
  namesAt = Date.now();
  pulse.set({ tasks, orphans: data.orphans, version: pulse.get().version + 1, at: isCounted ? now : pulse.get().at });
}

/** Takes a report of the stream. */
function takeReport(data, isFirstPart) {
  const { tasks: known, version } = pulse.get();
  const at = Date.parse(data.at);
  // A full report has all tasks there are; what is known of their names stays.
  const tasks = data.full && isFirstPart ? new Map() : new Map(known);
  const reported = new Set();
  let isStrange = false;
  for (const task of data.tasks) {
    isStrange ||= !known.has(task.id);
    reported.add(task.id);
    tasks.set(task.id, summary(task, known.get(task.id)));
    history.add(task.id, at, 1_000, task.second ?? {});
  }
  // The others did nothing.
  for (const [id, task] of tasks) {
    if (!reported.has(id) && isFirstPart && task.second && task.second.started) {
      tasks.set(id, { ...task, second: { added: 0, started: 0, succeeded: 0, failed: 0, retried: 0 } });
    }
  }
  if (isStrange || Date.now() - namesAt > NAMES_MS) readNames();
  const notReady = data.not_ready ?? (typeof data.ready === "string" ? data.ready : null);
  pulse.set({ tasks, at, notReady, mode: "live", version: version + 1, problem: null });
}

/** Asks for what the stream does not say: names, states, problems and orphans. */
function readNames() {
  namesAt = Date.now();
  ask(routes.tasks(), { signal: current.signal }).then(
    ({ data }) => takeTasks(data, false),
    () => {
      // The stream goes on; the next report asks again.
      namesAt = 0;
    },
  );
}

/** Whether this tab may use a stream, and streams arrive. */
export function streamsWork() {
  return preferences.get().streams && tabs.get().mayStream && Date.now() > noStreamUntil;
}

/** Says that a stream does not arrive, or that the host has no room for one; the next is tried in a minute. */
export function avoidStreams() {
  noStreamUntil = Date.now() + NO_STREAM_MS;
}

function mayStream() {
  return has("pulse") && streamsWork();
}

async function follow(signal) {
  let wasMore = false;
  readNames();
  await stream(routes.pulse(), {
    signal,
    onEvent: ({ event, data }) => {
      if (event !== "pulse") return;
      takeReport(data, !wasMore);
      wasMore = data.more === true;
    },
  });
}

async function poll(signal) {
  const { data } = await ask(routes.tasks(), { signal });
  takeTasks(data, true);
  const ready = await ask(routes.ready(), { signal, quiet: true }).catch((problem) => problem);
  if (isAborted(ready)) throw ready;
  pulse.set({ mode: "polling", notReady: ready.data ? null : ready.code, problem: null });
  await wait(preferences.get().pollSeconds * 1_000, signal);
}

/** Waits; ends early with an error if the circumstances change. */
function wait(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("changed", "AbortError"));
    });
  });
}

/** Why nothing is asked at the moment; null if it is. */
function idle() {
  if (account.get().state !== "ready") return "starting";
  if (!account.get().me.tenant) return "starting";
  if (paused) return "paused";
  return !awake.get().isAwake || suspended > 0 ? "asleep" : null;
}

function noteCut() {
  const now = Date.now();
  if (now - lastCut < CUTS_MS) avoidStreams();
  lastCut = now;
}

async function run() {
  let tries = 0;
  for (;;) {
    current = new AbortController();
    const { signal } = current;
    try {
      const reason = idle();
      if (reason) {
        pulse.set({ mode: reason });
        await wait(2 ** 30, signal);
      }
      const streams = mayStream();
      await (streams ? follow(signal) : poll(signal));
      if (streams) noteCut();
      tries = 0;
    } catch (problem) {
      if (isAborted(problem)) continue;
      if (problem.code === "buffered" || problem.code === "overloaded") avoidStreams();
      else if (pulse.get().mode === "live") noteCut();
      if (problem.code === "buffered") continue;
      if (problem.status === 401) continue;
      if (problem.code === "unreachable") pulse.set({ mode: "away" });
      pulse.set({ problem });
      await wait(backoff(tries, problem.retryAfter), signal).catch(() => {});
      tries += 1;
      // Who answers now may be another process.
      if (problem.code === "unreachable") await signIn();
    }
  }
}

/** Begins to follow; again whenever the circumstances change. */
export function startPulse() {
  let turn = session.turn;
  account.subscribe(() => {
    if (turn !== session.turn) {
      turn = session.turn;
      history.clear();
      pulse.set({ tasks: new Map(), orphans: [], at: null, notReady: null });
    }
    again();
  });
  awake.subscribe(again);
  let streams = mayStream();
  for (const store of [tabs, preferences]) {
    store.subscribe(() => {
      if (streams !== mayStream()) again();
      streams = mayStream();
    });
  }
  run();
}
