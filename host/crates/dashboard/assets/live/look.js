// Looking something up for a page: loading, data, problem, and another try when the host asks to wait.

import { useEffect, useRef, useState } from "preact/hooks";

import { ask, isAborted } from "../wire/ask.js";
import { session } from "../wire/session.js";
import { backoff } from "../wire/stream.js";

const NOTHING = { data: null, text: "", problem: null, isLoading: false, retryAt: null };

/**
 * Asks for `path` whenever it or `version` changes. What was known stays while it asks again. A problem that passes is tried
 * again by itself, because looking changes nothing.
 * @param {string|null} path null asks for nothing
 * @param {unknown} version
 */
export function useLook(path, version = 0) {
  const [state, setState] = useState({ ...NOTHING, path: null });
  const [turn, setTurn] = useState(0);
  const tries = useRef(0);
  useEffect(() => {
    if (path === null) return undefined;
    const controller = new AbortController();
    let timer = 0;
    setState((before) => (before.path === path ? { ...before, isLoading: true } : { ...NOTHING, path, isLoading: true }));
    ask(path, { signal: controller.signal }).then(
      ({ data, text }) => {
        tries.current = 0;
        setState({ path, data, text, problem: null, isLoading: false, retryAt: null });
      },
      (problem) => {
        if (isAborted(problem)) return;
        let retryAt = null;
        if (problem.passes) {
          const ms = backoff(tries.current, problem.retryAfter);
          tries.current += 1;
          retryAt = Date.now() + ms;
          timer = setTimeout(() => setTurn((turn) => turn + 1), ms);
        }
        setState((before) => ({ ...before, problem, isLoading: false, retryAt }));
      },
    );
    return () => {
      controller.abort();
      clearTimeout(timer);
    };
  }, [path, version, turn, session.turn]);
  const again = () => setTurn((turn) => turn + 1);
  // What belongs to another path is not shown as that of this one.
  return state.path === path ? { ...state, again } : { ...NOTHING, isLoading: path !== null, again };
}

/** Returns a number that grows every `ms`, while `isOn`. */
export function useTicks(ms, isOn = true) {
  const [tick, setTick] = useState(0);
  useEffect(() => {
    if (!isOn) return undefined;
    const timer = setInterval(() => document.visibilityState === "visible" && setTick((tick) => tick + 1), ms);
    return () => clearInterval(timer);
  }, [ms, isOn]);
  return tick;
}
