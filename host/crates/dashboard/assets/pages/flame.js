// The backtraces of a version's traps on top of each other, beside those of the version before.

import { Flame, treeOf } from "../charts/flame.js";
import { useLook } from "../live/look.js";
import { Empty, Looked } from "../parts/empty.js";
import { Guest } from "../parts/guest.js";
import { html } from "../parts/html.js";
import { count } from "../parts/span.js";
import { toTask } from "../route/hash.js";
import * as routes from "../wire/routes.js";

export function FlameOf({ task, digest, before, group }) {
  const look = useLook(routes.flame({ task, digest, group }));
  const earlier = useLook(before ? routes.flame({ task, digest: before }) : null);
  return html`<${Looked} look=${look} rows=${5} what="The flame">${(data) => {
    const root = treeOf(data.frames);
    const earlierRoot = earlier.data && treeOf(earlier.data.frames);
    return root.count === 0
      ? html`<${Empty} title="No failure of this version has a backtrace" />`
      : html`<section class="panel"><h2>${digest ? `Version ${digest.slice(0, 8)}` : "Failures"} <span class="hint">${count(root.count)} failures with a backtrace${before ? "; frames that the version before had not are filled" : ""}</span></h2>
      <${Flame} root=${root} before=${earlierRoot} label=${`Frames of ${count(root.count)} failures`} /></section>
      ${earlierRoot && earlierRoot.count > 0 && html`<section class="panel"><h2>Before: ${before.slice(0, 8)} <span class="hint">${count(earlierRoot.count)} failures</span></h2>
        <${Flame} root=${earlierRoot} label="Frames of the version before" /></section>`}`;
  }}<//>`;
}

export default function FlamePage({ query }) {
  const task = query.get("task") ?? "";
  return html`<div class="head"><h1 tabindex="-1">Flame of <a href=${toTask(task)}><${Guest} text=${task} /></a></h1></div>
    <${FlameOf} task=${task} digest=${query.get("digest")} before=${query.get("before")} group=${query.get("group")} />`;
}
