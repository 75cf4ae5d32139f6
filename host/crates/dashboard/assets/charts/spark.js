// Sparklines: five minutes of a task as bars, failures in red at the foot. Two paths each, because a table may have hundreds.

import { html } from "../parts/html.js";

const HEIGHT = 20;

/**
 * Returns the paths of bars from 0 up.
 * @param {{ok: number, failed: number}[]} steps
 */
export function paths(steps) {
  const most = Math.max(0, ...steps.map(({ ok, failed }) => ok + failed));
  if (most === 0) return { ok: "", failed: "" };
  const found = { ok: "", failed: "" };
  steps.forEach(({ ok, failed }, at) => {
    const bottom = Math.ceil((failed / most) * HEIGHT * 10) / 10;
    const top = Math.max(ok > 0 ? 1 : 0, Math.round((ok / most) * HEIGHT * 10) / 10);
    if (failed > 0) found.failed += `M${at} ${HEIGHT}v${-Math.max(1.5, bottom)}h1v${Math.max(1.5, bottom)}z`;
    if (top > 0) found.ok += `M${at} ${HEIGHT - bottom}v${-top}h1v${top}z`;
  });
  return found;
}

export function Spark({ steps, label }) {
  const { ok, failed } = paths(steps);
  return html`<svg class="spark" viewBox="0 0 ${steps.length} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label=${label}>
    <path class="ok" d=${ok} /><path class="failed" d=${failed} />
  </svg>`;
}
