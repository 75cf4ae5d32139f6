// The versions of a plugin: since when they run, how their jobs end, and whether that differs by more than chance.

import { Digest } from "../parts/digest.js";
import { html } from "../parts/html.js";
import { bytes, count, share } from "../parts/span.js";
import { Timestamp } from "../parts/timestamp.js";
import { link, toJobs } from "../route/hash.js";
import { compareShares, wilson } from "./statistics.js";
import { useOutcomes } from "./version-data.js";

const VERDICTS = { chance: "may be chance", more: "▲ more than before", less: "fewer than before" };

function Row({ plugin, version, before }) {
  const now = useOutcomes(version.digest);
  const earlier = useOutcomes(before?.digest);
  const interval = now && wilson(now.part, now.of);
  const verdict = now?.of > 0 && earlier?.of > 0 ? compareShares(earlier, now) : null;
  return html`<tr>
    <td><a href=${toJobs(`digest:${version.digest}`)}><${Digest} digest=${version.digest} /></a>${version.kept ? "" : html` <span class="hint">not kept</span>`}</td>
    <td><${Timestamp} at=${version.at} /></td><td class="number">${count(version.deployment)}</td>
    <td class="number">${now ? `${now.isExact ? "" : "≥ "}${count(now.of)}` : "–"}</td>
    <td class="number" title=${interval ? `between ${share(interval.low, 1)} and ${share(interval.high, 1)}, at 95 %` : ""}>${now ? share(now.part, now.of) : "–"}</td>
    <td class=${verdict === "more" ? "bad" : "muted"}>${verdict ? VERDICTS[verdict] : "–"}</td>
    <td class="number">${bytes(version.bytes)}</td>
    <td class="tight">${before && html`<a href=${link(["compare"], { plugin, a: before.digest, b: version.digest })}>⇄ compare</a>`}</td></tr>`;
}

export function Versions({ plugin, versions }) {
  const all = versions ?? [];
  if (all.length === 0) return null;
  return html`<section class="panel" aria-label="Versions"><h2>Versions of <a href=${link(["plugins", plugin])}>${plugin}</a></h2>
    <div class="scroll" tabindex="0" role="group" aria-label="Versions"><table>
      <thead><tr><th scope="col">version</th><th scope="col">since</th><th scope="col" class="number">deployment</th><th scope="col" class="number">jobs that ended</th><th scope="col" class="number">fail</th>
        <th scope="col">against the one before</th><th scope="col" class="number">size</th><th><span class="visually-hidden">compare</span></th></tr></thead>
      <tbody>${all.slice(0, 10).map((version, at) => html`<${Row} key=${version.digest} plugin=${plugin} version=${version} before=${all[at + 1]} />`)}</tbody>
    </table></div></section>`;
}
