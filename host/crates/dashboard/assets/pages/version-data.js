// What is known of a version: how its jobs ended, by counts of the host, and what its attempts took, by a sample.

import { useEffect, useState } from "preact/hooks";

import { has } from "../live/account.js";
import { useLook } from "../live/look.js";
import { ask, isAborted } from "../wire/ask.js";
import * as routes from "../wire/routes.js";

/** Jobs of a sample: each costs a request. */
export const SAMPLE = 20;

/**
 * Returns how many jobs failed of those that ended with this version; null until that is known.
 * @returns {{part: number, of: number, isExact: boolean}|null}
 */
export function useOutcomes(digest, version = 0) {
  const canCount = digest && has("count") && has("filter:digest");
  const path = (status) => (canCount ? routes.countJobs({ digest, status }) : null);
  const failure = useLook(path("FAILURE"), version).data;
  const success = useLook(path("SUCCESS"), version).data;
  if (!failure || !success) return null;
  const [part, good] = [Number(failure.count), Number(success.count)];
  return { part, of: part + good, isExact: failure.exact && success.exact };
}

/** Returns the attempts of a version among those of some jobs. */
export function attemptsOf(digest, lists) {
  return lists.flatMap(({ attempts }) => attempts).filter(({ cost, ended_at: ended }) => cost?.digest === digest && ended);
}

/** Looks at the newest jobs of a version; returns their attempts; null until they are known. */
export function useSample(digest) {
  const [found, setFound] = useState(null);
  useEffect(() => {
    const control = new AbortController();
    const { signal } = control;
    const look = async () => {
      const { data } = await ask(routes.jobs({ digest, limit: SAMPLE }), { signal, quiet: true });
      const lists = await Promise.all(data.jobs.map((job) => ask(routes.attempts(job), { signal, quiet: true }).then((answer) => answer.data, () => ({ attempts: [] }))));
      setFound(attemptsOf(digest, lists));
    };
    if (digest && has("filter:digest")) look().catch((problem) => isAborted(problem) || setFound([]));
    return () => control.abort();
  }, [digest]);
  return found;
}
