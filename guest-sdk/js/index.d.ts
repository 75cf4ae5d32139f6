/** A JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json | undefined };

/** The job of the running call. */
export interface Job {
  /** The job's number, unique within its task. Throws `id-too-large` if it is above 2^53 - 1. */
  readonly id: number;
  /** The id of the task, such as `mail.send`. */
  readonly task: string;
  /** The number of this attempt, from 1; in a handler, of the last attempt that started, 0 before the first. */
  readonly attempt: number;
  /** The maximum number of attempts: the first one plus the task's `attempts`. */
  readonly maxAttempts: number;
  /** Milliseconds until this call times out; `null` without a timeout. */
  readonly remainingMs: number | null;
  /** Whether the job was cancelled. The host stops the call soon after this becomes true. */
  readonly isCancelled: boolean;
  /** The W3C trace context of the call, in the format of the `traceparent` header. */
  readonly traceParent: string | null;
  /** Reports that `current` of `total` is done; lookups of the job show it at once. */
  progress(current: number, total: number, message?: string): void;
}

/** The progress of a job, for its progress handler. */
export interface Progress {
  readonly current: number;
  readonly total: number;
  readonly message: string;
}

export interface ProblemOptions {
  /** Additional data; the host keeps at most 64 KiB of it as JSON. */
  details?: unknown;
  cause?: unknown;
}

/** An error with a code for programs, in kebab case: what the functions of `tasks` throw. Thrown on, it means a retry. */
export class Problem extends Error {
  constructor(code: string, message: string, options?: ProblemOptions);
  readonly code: string;
  readonly details: unknown;
}

/** No attempt can succeed: the job ends as FAILURE now. */
export class Reject extends Problem {}

/** Another attempt may succeed, after the task's `attempt_after`. */
export class Retry extends Problem {}

/** Another attempt may succeed, after this many milliseconds (at most 30 days). */
export class RetryAfter extends Problem {
  constructor(afterMs: number, code: string, message: string, options?: ProblemOptions);
  readonly afterMs: number;
}

/** The job's own log. `console` writes to it, too. */
export const log: {
  debug(...values: unknown[]): void;
  info(...values: unknown[]): void;
  warn(...values: unknown[]): void;
  error(...values: unknown[]): void;
};

/** The current state of a job. */
export interface JobView<R = Json> {
  readonly id: number;
  readonly status: "waiting" | "running" | "success" | "failure";
  readonly current: number;
  readonly total: number;
  readonly message: string;
  /** The processor's result; `undefined` until SUCCESS. */
  readonly response: R | undefined;
}

export interface AddOptions {
  /** The idempotency key. By default that of the job's position in the call; `null` adds a job each time. */
  key?: string | null;
  /** No second job while a matching one waits or runs. */
  unique?: { by: "task" } | { by: "args"; positions?: number[] };
  /** From -32768 to 32767, 0 by default; ready jobs of higher priority run first. */
  priority?: number;
  /** No attempt starts before this many milliseconds have passed. */
  delayMs?: number;
  /** No attempt starts before this time (RFC 3339). */
  runAt?: string;
}

/** The tenant's own tasks. Every function throws a `Problem`. */
export const tasks: {
  /** Adds a job and returns its id. A repeated call returns the job that it added at the same position before. */
  add(task: string, ...args: unknown[]): number;
  /** Adds a job whose first attempt does not start before this many milliseconds have passed. */
  addLater(task: string, delayMs: number, ...args: unknown[]): number;
  /** Adds a job with options. */
  addWith(task: string, args: readonly unknown[], options?: AddOptions): number;
  /**
   * Looks up a job. Fails with `not-added` if no job of this task added it, unless the task has access to all jobs; the
   * job that the call is about is always found.
   */
  get<R = Json>(task: string, id: number): JobView<R>;
  /** Cancels a job that `get` finds. Fails with `ended` if it has already ended. */
  cancel(task: string, id: number): void;
};

/** How a value is written. */
export interface ValueOptions {
  /** The entry expires after this many milliseconds; by default it does not. */
  ttlMs?: number;
}

/** An entry of the key-value store. */
export interface Entry<V = Json> {
  readonly value: V;
  /** Every write changes it: for `kv.swap` and `kv.remove`. */
  readonly version: number;
  /** `null` if it does not expire. */
  readonly expiresInMs: number | null;
}

/**
 * The tenant's key-value store. A task requests it with `"sandbox": {"kv": "write"}`, and the operator grants it. Values are
 * JSON. A write is on disk before the function returns, whatever becomes of the attempt. Every function throws a `Problem`.
 */
export const kv: {
  /** Returns the value of a key; `undefined` if there is none. */
  get<V = Json>(key: string): V | undefined;
  /** Returns the value with its version. */
  entry<V = Json>(key: string): Entry<V> | undefined;
  /** Returns a value that need not be JSON. */
  getBytes(key: string): Entry<Uint8Array> | undefined;
  /** Writes a value and returns its version. */
  set(key: string, value: unknown, options?: ValueOptions): number;
  /** Writes a value that need not be JSON. */
  setBytes(key: string, bytes: Uint8Array, options?: ValueOptions): number;
  /**
   * Writes a value if the entry has this version, or if there is no entry for `null`. Returns the new version; `null` if the
   * entry is another one.
   */
  swap(key: string, version: number | null | undefined, value: unknown, options?: ValueOptions): number | null;
  /** Replaces a value with what `change` makes of it; calls it again if another job was faster. */
  update<V = Json>(key: string, change: (value: V | undefined) => V, options?: ValueOptions): V;
  /** Adds to a number, 1 by default, and returns the sum. No entry counts as 0; only then `ttlMs` has an effect. */
  increment(key: string, by?: number, options?: ValueOptions): number;
  /** Removes an entry, with `version` only if it has that one; returns whether it did. */
  remove(key: string, options?: { version?: number }): boolean;
  /** Returns all keys that begin with a prefix. */
  keys(prefix?: string): string[];
  /** Returns some keys, at most 1,000; `next` is the `after` of the next page, `null` if there are no more keys. */
  page(prefix?: string, options?: { after?: string | null; limit?: number }): { keys: string[]; next: string | null };
};

/** A response, whatever its status is. */
export interface HttpResponse {
  readonly status: number;
  /** Names in lower case, and values. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
  /** The first value of a header; the name can have any case. */
  header(name: string): string | null;
  /** The body as text. Bytes that are not UTF-8 become U+FFFD. */
  text(): string;
  /** The body from JSON. Throws `invalid-response`. */
  json<T = any>(): T;
  /**
   * Returns the response if its status is from 200 to 299, and otherwise throws what fits its status, with the code
   * `http-status`: `Retry` for 408, 425, 429 and 5xx (`RetryAfter` with the seconds of `retry-after`), `Reject` for others.
   */
  success(): HttpResponse;
}

export interface RequestOptions {
  headers?: Record<string, string> | Iterable<readonly [string, string]>;
  body?: string | Uint8Array | ArrayBuffer;
  /** Becomes the body, with its `content-type`. */
  json?: unknown;
  /** Limits the whole exchange; at most what the call has left, which is also the default. */
  timeoutMs?: number;
}

/**
 * Requests over HTTP, to the origins that the task requests in `sandbox.http` and the operator grants. The host follows no
 * redirects and does not decompress. `$SECRET.name` in the value of a header is the placeholder of a secret, and `$HMAC.name` that of a
 * signature of the request, which the host makes with a secret.
 *
 * Every function throws a `Problem`, with one of the codes `http-not-granted`, `invalid-request`, `request-too-large`,
 * `too-many-requests`, `unknown-name`, `address-denied`, `connection-failed`, `tls-failed`, `timed-out`,
 * `response-too-large`, `invalid-response`.
 */
export const http: {
  request(method: string, url: string, options?: RequestOptions): HttpResponse;
  get(url: string, options?: RequestOptions): HttpResponse;
  post(url: string, options?: RequestOptions): HttpResponse;
  put(url: string, options?: RequestOptions): HttpResponse;
  patch(url: string, options?: RequestOptions): HttpResponse;
  delete(url: string, options?: RequestOptions): HttpResponse;
};

/** A function, or functions by the names after `#` in a task's reference; `default` is the one without a name. */
type Named<F> = F | { [name: string]: F };
type MaybePromise<T> = T | Promise<T>;

/** The functions of a plugin, by role. Promises are awaited in components of componentize-js. */
export interface Roles {
  /** Does the work. The result is the job's response; nothing means `null`. */
  process?: Named<(job: Job, ...args: any[]) => MaybePromise<unknown>>;
  /** Returns the id for a new job; nothing or `null` uses the task's own counter. */
  next?: Named<() => MaybePromise<number | bigint | null | undefined | void>>;
  /** Is called when a job was added, before its first attempt. */
  onAdd?: Named<(job: Job) => MaybePromise<void>>;
  /** Is called when a job reported progress, with the latest values. */
  onProgress?: Named<(job: Job, progress: Progress) => MaybePromise<void>>;
  /** Is called when a job ended as SUCCESS. */
  onSuccess?: Named<(job: Job, response: any) => MaybePromise<void>>;
  /** Is called when a job ended as FAILURE. */
  onError?: Named<(job: Job, problem: Problem) => MaybePromise<void>>;
}

/** The name of each role's export, as in the contract. */
interface ExportNames {
  process: "processor";
  next: "idSource";
  onAdd: "addHandler";
  onProgress: "progressHandler";
  onSuccess: "successHandler";
  onError: "errorHandler";
}

/** The exports of a component with these roles. */
export type Exports<R> = {
  readonly [Role in keyof R & keyof ExportNames as ExportNames[Role]]: {
    readonly [Method in Role]: (...values: any[]) => any;
  };
};

/** Makes the exports of a component: `export const { processor } = plugin({ process(job, …) { … } })`. */
export function plugin<R extends Roles>(roles: R & Roles): Exports<R>;
