import type { Json, JobView, Progress } from "./index.js";

/** The context of calls. By default: attempt 1 of 1 of job 1 of the task `test`. */
export interface Settings {
  id?: number | bigint;
  task?: string;
  attempt?: number;
  maxAttempts?: number;
  /** The function that the task's reference names: the part after `#`. */
  handler?: string;
  remainingMs?: number;
  traceParent?: string;
  /** Cancels the job after this many progress reports; 0 from the start. */
  cancelledAfter?: number;
  /** How many jobs can be added before `queue-full`. */
  queueSize?: number;
  /** Answers requests over HTTP; without it they fail with `http-not-granted`. */
  onRequest?: (request: SentRequest) => Answer;
  /** The environment variables of the task. */
  env?: Record<string, string>;
  /** Files by their paths, such as `/data/a.txt`; `null` for an empty directory. The task may write all of them. */
  files?: Record<string, string | Uint8Array | null>;
}

/** A request over HTTP that a plugin sent. */
export interface SentRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: [string, string][];
  readonly body: Uint8Array;
  readonly timeoutMs: number | null;
}

/** The answer to a request: a response, with the status 200 by default, or a problem. */
export interface Answer {
  status?: number;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
  problem?: { code: string; message: string };
}

/** A job that a plugin added. */
export interface AddedJob {
  readonly id: number;
  readonly task: string;
  readonly args: Json[];
  readonly key: string | undefined;
  readonly unique: unknown;
  readonly priority: number;
  readonly delayMs: number;
  readonly runAt: string | undefined;
}

/** How a call failed. */
export class Failed extends Error {
  readonly kind: "retry" | "retry-after" | "reject" | "problem";
  readonly code: string;
  readonly details: unknown;
  readonly afterMs: number | undefined;
}

/** Calls a plugin as a host does, and records what it does. */
export class FakeHost {
  constructor(settings?: Settings);
  /** Every progress report, in order. */
  readonly progress: Progress[];
  /** Every logged line, in order. */
  readonly logLines: { level: "debug" | "info" | "warn" | "error"; message: string }[];
  /** Every added job, in order. */
  readonly added: AddedJob[];
  /** Every request over HTTP, in order. */
  readonly requests: SentRequest[];
  /** Sets the job that `tasks.get` returns. */
  job(task: string, job: Partial<JobView> & { id: number }): this;
  /** Sets the value of a key of the key-value store. */
  kvValue(key: string, value: unknown): this;
  /** The value of a key of the key-value store; `undefined` if there is none. */
  kv(key: string): any;
  /** The text of a file; `undefined` if there is none. */
  file(path: string): string | undefined;
  /** The status of a job that the plugin added or the test set. */
  status(task: string, id: number): JobView["status"] | undefined;

  // The plugin is the module that exports what `plugin(…)` returned. Each call rejects with `Failed`.
  process(plugin: object, ...args: unknown[]): Promise<any>;
  next(plugin: object): Promise<number | null>;
  onAdd(plugin: object): Promise<void>;
  onProgress(plugin: object, progress: Progress): Promise<void>;
  onSuccess(plugin: object, response: unknown): Promise<void>;
  onError(plugin: object, problem: { code: string; message: string; details?: unknown }): Promise<void>;
}
