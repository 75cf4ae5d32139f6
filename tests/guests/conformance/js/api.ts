// What a plugin in TypeScript may write, and what it may not: this file is checked, and never runs.

import { Problem, Reject, Retry, RetryAfter, log, plugin, tasks } from "@saggar/guest";
import type { AddOptions, Job, Json, JobView, Progress } from "@saggar/guest";
import { Failed, FakeHost } from "@saggar/guest/testing";
import type { AddedJob, Settings } from "@saggar/guest/testing";

function resize(job: Job, url: string, width = 64): Json {
  const remaining: number | null = job.remainingMs;
  if (job.isCancelled || remaining === 0) throw new Reject("stopped", "too late", { details: { url }, cause: new Error("x") });
  if (job.attempt < job.maxAttempts) throw new RetryAfter(1_000, "busy", `${job.task} is busy`);
  job.progress(1, 2);
  job.progress(2, 2, "done");
  return { id: job.id, trace: job.traceParent, url, width, absent: undefined };
}

export const mail = plugin({
  process: { default: resize, later: async (job: Job) => job.id },
  next: () => 2n ** 53n,
  onAdd: (job) => log.info("added", job.id),
  onProgress: { moved: (job, { current, total, message }: Progress) => log.debug(job.id, current, total, message) },
  onSuccess: async (job, response: { url: string }) => log.warn(job.id, response.url),
  onError: (job, problem) => void tasks.add("complain", job.id, problem.code, problem.message, problem.details),
});

export const { processor, idSource, addHandler, progressHandler, successHandler, errorHandler } = mail;

export const { processor: only } = plugin({ process: resize });

const options: AddOptions = { key: null, unique: { by: "args", positions: [0] }, priority: -1, delayMs: 5 };

export function add(): JobView<{ url: string }> {
  const id: number = tasks.addWith("resize", ["a.png"] as const, options);
  tasks.addLater("resize", 1_000, "b.png");
  tasks.cancel("resize", id);
  const job = tasks.get<{ url: string }>("resize", id);
  const url: string | undefined = job.response?.url;
  if (url === undefined) throw new Retry("waiting", job.status satisfies "waiting" | "running" | "success" | "failure");
  return job;
}

export async function test(settings: Settings): Promise<AddedJob | undefined> {
  const host = new FakeHost({ ...settings, id: 2n ** 60n, handler: "later" }).job("resize", { id: 1, status: "success" });
  await host.process(mail, "a.png");
  await host.onError(mail, new Problem("c", "m", { details: [1] }));
  const next: number | null = await host.next(mail);
  const failed = await host.process(mail).catch((error: unknown) => (error instanceof Failed ? error.afterMs : next));
  log.error(failed, host.progress[0]?.message, host.logLines.map((line) => line.level), host.status("resize", 1));
  return host.added[0];
}

export function mistakes(job: Job): void {
  // @ts-expect-error: it cannot be changed.
  job.id = 1;
  // @ts-expect-error: there is no such option.
  tasks.addWith("a", [], { delay: 5 });
  // @ts-expect-error: positions are for arguments.
  tasks.addWith("a", [], { unique: { by: "task", positions: [0] } });
  // @ts-expect-error: there is no such role.
  plugin({ proces: resize });
  // @ts-expect-error: an id is a number.
  plugin({ next: () => "7" });
  // @ts-expect-error: the delay comes first.
  throw new RetryAfter("busy", "wait");
}

// @ts-expect-error: a component exports the roles that it has.
export const { idSource: none } = plugin({ process: resize });

// @ts-expect-error: there is no such setting.
export const fake = new FakeHost({ attempts: 2 });
