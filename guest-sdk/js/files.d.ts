/**
 * The environment variables that the task requests in `sandbox.env` and the operator grants. They change only when the host
 * reloads.
 */
export const env: {
  /** Returns the value of a variable; `undefined` if the task does not have it. */
  get(name: string): string | undefined;
  /** Returns all variables. */
  all(): Record<string, string>;
};

/**
 * Files in the directories that the task requests in `sandbox.dirs` (`/NAME`) and `sandbox.scratch` (`/scratch`), and the operator
 * grants. They are read and written as a whole.
 *
 * Every function throws a `Problem`. Its code is `not-granted` for a path in no directory of the task, and otherwise that of
 * WASI, such as `no-entry`, `read-only`, `quota`.
 */
export const files: {
  /** Returns a file as text. Bytes that are not UTF-8 become U+FFFD. */
  read(path: string): string;
  /** Returns the bytes of a file. */
  readBytes(path: string): Uint8Array;
  /** Makes a file, or replaces what it has. */
  write(path: string, data: string | Uint8Array | ArrayBuffer): void;
  /** Returns the names of what a directory has, sorted. */
  list(path: string): string[];
  /** Returns whether there is something that can be read. */
  exists(path: string): boolean;
  /** Makes a directory in one that is there. */
  makeDir(path: string): void;
  /** Removes a file, or an empty directory. */
  remove(path: string): void;
};
