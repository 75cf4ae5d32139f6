// The life of a job as a line: what it waited and what it worked, attempt by attempt.

import { html } from "../parts/html.js";
import { counted, span } from "../parts/span.js";

/**
 * Returns the pieces of a job's life with their share of the width. Work gets a least width, so that short attempts are seen.
 * @param {{addedAt: number, attempts: {number: any, from: number, to: number, ending: string}[], now: number, width: number}} life
 */
export function lifePieces({ addedAt, attempts, now, width }) {
  const found = [];
  let at = addedAt;
  for (const { number, from, to, ending } of attempts) {
    if (from > at) found.push({ kind: "wait", ms: from - at });
    found.push({ kind: ending, number, ms: Math.max(0, to - from) });
    at = Math.max(at, to);
  }
  if (now > at) found.push({ kind: "wait", ms: now - at });
  const least = Math.min(6, width / Math.max(1, found.length * 2));
  const sum = found.reduce((sum, { ms }) => sum + ms, 0) || 1;
  const room = Math.max(0, width - least * found.length);
  let x = 0;
  return found.map((piece) => {
    const size = least + (piece.ms / sum) * room;
    x += size;
    return { ...piece, x: x - size, width: size };
  });
}

const TONES = { success: "success", running: "running", wait: "wait" };

export function Timeline({ job, attempts, now }) {
  const width = 1_000;
  const addedAt = Date.parse(job.added_at);
  const ended = attempts.map((one) => ({ number: one.number, from: Date.parse(one.started_at), to: Date.parse(one.ended_at), ending: one.ending }));
  if (job.status === "RUNNING" && job.started_at) ended.push({ number: job.attempt, from: Date.parse(job.started_at), to: now, ending: "running" });
  const end = job.ended_at ? Date.parse(job.ended_at) : now;
  const pieces = lifePieces({ addedAt, attempts: ended, now: end, width });
  const worked = ended.reduce((sum, { from, to }) => sum + to - from, 0);
  const label = `${counted(ended.length, "attempt")} took ${span(worked)} of ${span(end - addedAt)}`;
  return html`<div>
    <svg class="timeline" viewBox="0 0 ${width} 56" preserveAspectRatio="none" role="img" aria-label=${label}>
      ${pieces.map((piece, at) => html`<rect key=${at} x=${piece.x} y=${piece.kind === "wait" ? 26 : 18} width=${Math.max(1, piece.width - 1)}
        height=${piece.kind === "wait" ? 4 : 20} class=${TONES[piece.kind] ?? "failure"}><title>${piece.kind === "wait" ? "waited" : `attempt ${piece.number}, ${piece.kind}`} ${span(piece.ms)}</title></rect>`)}
    </svg>
    <p class="hint">${label}; the longest wait ${span(Math.max(0, ...pieces.filter(({ kind }) => kind === "wait").map(({ ms }) => ms)))}</p>
  </div>`;
}
