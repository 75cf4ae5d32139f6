// What each task did in the last five minutes, for sparklines: gathered while the page is open.

const KEPT_MS = 300_000;
const KINDS = ["added", "started", "succeeded", "failed", "retried"];

/** @typedef {{at: number, ms: number, added: number, started: number, succeeded: number, failed: number, retried: number}} Sample */

export class History {
  constructor() {
    /** @type {Map<string, Sample[]>} */
    this.of = new Map();
    this.totals = new Map();
  }

  clear() {
    this.of.clear();
    this.totals.clear();
  }

  /** Adds what a task did in the `ms` before `at`. */
  add(id, at, ms, counts) {
    const samples = this.of.get(id) ?? [];
    this.of.set(id, samples);
    samples.push({ at, ms, ...counts });
    while (samples.length > 0 && samples[0].at < at - KEPT_MS) samples.shift();
  }

  /** Adds what a task did since the last call, by its counts since the start of the host. */
  addTotals(id, at, rates) {
    const totals = Object.fromEntries(KINDS.map((kind) => [kind, Number(rates[kind]?.total ?? 0)]));
    const before = this.totals.get(id);
    this.totals.set(id, { at, totals });
    // A restarted host counts anew.
    if (!before || KINDS.some((kind) => totals[kind] < before.totals[kind])) return;
    const did = Object.fromEntries(KINDS.map((kind) => [kind, totals[kind] - before.totals[kind]]));
    this.add(id, at, at - before.at, did);
  }

  /** Returns rates per second in `count` steps up to `now`, the newest last. */
  steps(ids, now, count = 60) {
    const step = KEPT_MS / count;
    const found = Array.from({ length: count }, () => ({ succeeded: 0, failed: 0, retried: 0, added: 0, started: 0 }));
    for (const id of ids) {
      for (const sample of this.of.get(id) ?? []) {
        const at = count - 1 - Math.floor((now - sample.at) / step);
        if (at < 0 || at >= count) continue;
        for (const kind of KINDS) found[at][kind] += sample[kind] / (step / 1_000);
      }
    }
    return found;
  }

  /** Returns what some tasks did in the last `ms`, as counts. */
  sum(ids, now, ms) {
    const sum = Object.fromEntries(KINDS.map((kind) => [kind, 0]));
    for (const id of ids) {
      for (const sample of this.of.get(id) ?? []) {
        if (sample.at > now - ms) for (const kind of KINDS) sum[kind] += sample[kind];
      }
    }
    return sum;
  }
}
