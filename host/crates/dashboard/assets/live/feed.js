// What happens to one job: its events, its log and its use of resources as they come. One stream where the host has it; otherwise
// two, for events and for the log.

import { isAborted } from "../wire/ask.js";
import * as routes from "../wire/routes.js";
import { backoff, stream } from "../wire/stream.js";
import { has } from "./account.js";

/** Kinds after which the job is over, until it is retried. */
export const ENDS = new Set(["succeeded", "failed", "deleted"]);

/**
 * Follows a job until the returned function is called.
 * @param {{task: string, id: any}} job
 * @param {{onEvent: (event: any) => void, onLine: (line: any, id: string|null) => void, onUsage: (usage: any) => void,
 *   onOpen: () => void, onState: (state: {isAway: boolean}) => void, onNoStream: () => void}} calls
 */
export function followJob(job, calls) {
  const controller = new AbortController();
  const { signal } = controller;
  const take = ({ event, data, id }) => {
    if (event === "usage") calls.onUsage(data);
    else if (event === "log" || event === "line" || (data && "source" in data && "text" in data)) calls.onLine(data, id);
    else if (event === "gap") calls.onOpen();
    else if (data?.kind) calls.onEvent(data);
    else if (data?.task && data?.at) calls.onEvent({ kind: event, ...data });
  };
  if (has("feed")) keep(() => routes.jobFeed(job), take, calls, signal);
  else {
    keep(() => routes.jobEvents(job), take, calls, signal);
    keep(() => routes.logs(job, { follow: true }), take, calls, signal);
  }
  return () => controller.abort();
}

/** Follows a stream; after a cut again, from where it was. */
async function keep(path, take, calls, signal) {
  let lastId = null;
  let tries = 0;
  while (!signal.aborted) {
    try {
      await stream(path(), {
        signal,
        lastId,
        onOpen: () => {
          tries = 0;
          calls.onState({ isAway: false });
          calls.onOpen();
        },
        onEvent: (event) => {
          lastId = event.id ?? lastId;
          take(event);
        },
      });
      // It ends with the job.
      return;
    } catch (problem) {
      if (isAborted(problem) || signal.aborted) return;
      // Deleted, or without permission: the page says so itself.
      if (problem.status >= 400 && problem.status < 500 && problem.status !== 429) return;
      if (problem.code === "buffered" || problem.code === "overloaded") {
        calls.onNoStream();
        return;
      }
      if (problem.code === "unreachable") calls.onState({ isAway: true });
      await new Promise((resolve) => setTimeout(resolve, backoff(tries, problem.retryAfter)));
      tries += 1;
    }
  }
}
