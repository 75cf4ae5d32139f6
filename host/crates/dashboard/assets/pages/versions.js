// The versions of a plugin side by side, with the share of failures and whether it differs by more than chance.

import { Digest } from "../parts/digest.js";
import { html } from "../parts/html.js";
import { bytes, count, share, span } from "../parts/span.js";
import { Timestamp } from "../parts/timestamp.js";
import { link, toJobs } from "../route/hash.js";
import { compareShares, failed, wilson } from "./statistics.js";

const VERDICTS = { chance: "may be chance", more: "▲ more than before", less: "fewer than before" };

const percentile = (value, name) => (value && typeof value === "object" ? value[name] : value);

export function Versions({ plugin, versions }) {
  const all = [...(versions ?? [])].sort((one, other) => (one.first_at < other.first_at ? 1 : -1));
  if (all.length === 0) return null;
  return html`<section class="panel" aria-label="Versions"><h2>Versions of <a href=${link(["plugins", plugin])}>${plugin}</a></h2>
    <div class="scroll" tabindex="0" role="group" aria-label="Versions"><table>
      <thead><tr><th scope="col">version</th><th scope="col">since</th><th scope="col" class="number">attempts</th><th scope="col" class="number">fail</th><th scope="col">against the one before</th>
        <th scope="col" class="number">p50 · p99</th><th scope="col" class="number">CPU</th><th scope="col" class="number">peak memory</th><th scope="col" class="number">size</th><th><span class="visually-hidden">compare</span></th></tr></thead>
      <tbody>${all.map((version, at) => {
        const before = all[at + 1];
        const now = failed(version);
        const { low, high } = wilson(now.part, now.of);
        const verdict = before && now.of > 0 && failed(before).of > 0 ? compareShares(failed(before), now) : null;
        return html`<tr key=${version.digest}>
          <td><a href=${toJobs(`digest:${version.digest}`)}><${Digest} digest=${version.digest} /></a></td><td><${Timestamp} at=${version.first_at} /></td>
          <td class="number">${count(version.attempts)}</td>
          <td class="number" title=${`between ${share(low, 1)} and ${share(high, 1)}, at 95 %`}>${share(now.part, now.of)}</td>
          <td class=${verdict === "more" ? "bad" : "muted"}>${verdict ? VERDICTS[verdict] : "–"}</td>
          <td class="number">${span(percentile(version.duration_ms, "p50"))} · ${span(percentile(version.duration_ms, "p99"))}</td>
          <td class="number">${span(percentile(version.cpu_ms, "p50"))}</td><td class="number">${bytes(version.memory_peak)}</td><td class="number">${bytes(version.bytes)}</td>
          <td class="tight">${before && html`<a href=${link(["compare"], { plugin, a: before.digest, b: version.digest })}>⇄ compare</a>`}</td></tr>`;
      })}</tbody>
    </table></div></section>`;
}
