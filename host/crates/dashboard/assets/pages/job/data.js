// What the page of a job knows: the job, its attempts, its log and its use of resources, kept fresh by its feed.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";

import { account, has } from "../../live/account.js";
import { ENDS, followJob } from "../../live/feed.js";
import { preferences } from "../../live/preferences.js";
import { avoidStreams, pulse, streamsWork, suspendPulse } from "../../live/pulse.js";
import { useStore } from "../../live/store.js";
import { tabs } from "../../live/tabs.js";
import { awake } from "../../live/visibility.js";
import { ask, isAborted } from "../../wire/ask.js";
import { members } from "../../wire/json.js";
import * as routes from "../../wire/routes.js";

/** Lines of a log that are kept; a host keeps fewer. */
const LINES = 20_000;
const GATHER_MS = 250;
const WAIT_MS = 2_000;

const isOver = (job) => job?.status === "SUCCESS" || job?.status === "FAILURE";

/** @param {{task: string, id: string}} of */
export function useJob(of) {
  const [state, setState] = useState({ job: null, raw: new Map(), attempts: [], problem: null, isLoading: true, isDeleted: false, isAway: false, usage: null });
  const [lines, setLines] = useState([]);
  const [turn, setTurn] = useState(0);
  const control = useRef(new AbortController());
  const patch = (more) => setState((before) => ({ ...before, ...more }));
  const look = useCallback(async () => {
    const { signal } = control.current;
    try {
      const [job, attempts] = await Promise.all([ask(has("explain") ? routes.explainedJob(of) : routes.job(of), { signal }), ask(routes.attempts(of), { signal })]);
      patch({ job: job.data, raw: members(job.text), attempts: attempts.data.attempts, problem: null, isLoading: false, isDeleted: false });
    } catch (problem) {
      if (isAborted(problem)) return;
      const isGone = problem.code === "unknown-job";
      setState((before) => ({ ...before, isLoading: false, problem: isGone && before.job ? null : problem, isDeleted: isGone && Boolean(before.job) }));
    }
  }, [of.task, of.id]);
  const isAwake = useStore(awake, (all) => all.isAwake);
  const isKnown = useStore(account, (all) => all.isKnown);
  const mayStream = useStore(tabs, (all) => all.mayStream);
  const [isPolling, setPolling] = useState(false);
  useEffect(() => {
    control.current = new AbortController();
    const stop = !isAwake ? null : !isKnown ? look() : isPolling || !streamsWork() ? pollJob({ of, look, setLines }) : follow({ of, look, patch, setState, setLines, setPolling });
    return () => {
      if (typeof stop === "function") stop();
      control.current.abort();
    };
  }, [look, turn, isAwake, isKnown, isPolling, mayStream]);
  const isFollowed = isAwake && isKnown && !isPolling && !isOver(state.job) && !state.isDeleted;
  // One stream is enough: the job's, as long as there is one.
  useEffect(() => (isFollowed && streamsWork() ? suspendPulse() : undefined), [isFollowed, mayStream]);
  const isWaiting = state.job?.status === "WAITING" && !state.isDeleted;
  // Who is before it changes without an event of its own.
  useEffect(() => {
    if (!isWaiting || !isAwake || !has("explain")) return undefined;
    const timer = setInterval(look, WAIT_MS);
    return () => clearInterval(timer);
  }, [isWaiting, isAwake, isKnown, look]);
  const over = isOver(state.job);
  // A job that has ended is not followed: somebody may retry it.
  useEffect(() => {
    if (!over) return undefined;
    let version = pulse.get().version;
    const timer = setInterval(async () => {
      if (pulse.get().version === version || document.visibilityState !== "visible") return;
      version = pulse.get().version;
      const found = await ask(routes.job(of), { quiet: true }).catch(() => null);
      if (found && !isOver(found.data)) setTurn((turn) => turn + 1);
    }, 3_000);
    return () => clearInterval(timer);
  }, [over, of.task, of.id]);
  return { ...state, lines, look, again: () => setTurn((turn) => turn + 1) };
}

/** Asks for the job and its log again and again, each time after the last answer. */
function pollJob({ of, look, setLines }) {
  const control = new AbortController();
  let timer = 0;
  const run = async () => {
    const log = ask(routes.logs(of), { signal: control.signal, quiet: true }).then(({ data }) => setLines(data.lines), () => {});
    await Promise.all([look(), log]);
    if (!control.signal.aborted) timer = setTimeout(run, preferences.get().pollSeconds * 1_000);
  };
  run();
  return () => {
    control.abort();
    clearTimeout(timer);
  };
}

/** Follows the job: subscribes first, then looks. The stream has the whole log. */
function follow({ of, look, patch, setState, setLines, setPolling }) {
  let gathered = [];
  let timer = 0;
  let isFirst = true;
  const flush = () => {
    timer = 0;
    const [more, isAnew] = [gathered, isFirst];
    [gathered, isFirst] = [[], false];
    setLines((before) => (isAnew ? more : [...before, ...more]).slice(-LINES));
  };
  let soon = 0;
  const lookSoon = () => {
    soon ||= setTimeout(() => {
      soon = 0;
      look();
    }, 100);
  };
  const stop = followJob(of, {
    onOpen: lookSoon,
    onNoStream: () => {
      avoidStreams();
      setPolling(true);
    },
    onState: patch,
    onUsage: (usage) => patch({ usage }),
    onLine: (line) => {
      gathered.push(line);
      timer ||= setTimeout(flush, GATHER_MS);
    },
    onEvent: (event) => {
      if (event.kind === "progress") {
        const { current, total, message } = event;
        setState((before) => (before.job ? { ...before, job: { ...before.job, current, total, message } } : before));
      } else if (event.kind === "deleted") patch({ isDeleted: true });
      else lookSoon();
      if (ENDS.has(event.kind)) patch({ usage: null });
    },
  });
  return () => {
    stop();
    clearTimeout(timer);
    clearTimeout(soon);
  };
}
