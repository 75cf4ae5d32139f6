// A plugin: the versions that tasks use, what each imports, what it may do in each task, and the versions that were.

import { useLook } from "../live/look.js";
import { Digest } from "../parts/digest.js";
import { Looked } from "../parts/empty.js";
import { Guest } from "../parts/guest.js";
import { html } from "../parts/html.js";
import { JsonTree } from "../parts/json-tree.js";
import { bytes, counted } from "../parts/span.js";
import { toTask } from "../route/hash.js";
import { stringify } from "../wire/json.js";
import * as routes from "../wire/routes.js";
import { Versions } from "./versions.js";

/** Whether a task has anything in force. */
function hasAny(granted) {
  return granted !== null && typeof granted === "object" && Object.values(granted).some((value) => value !== null && value !== false && (typeof value !== "object" || Object.keys(value).length > 0));
}

function Use({ use }) {
  return html`<li><a href=${toTask(use.task)}><${Guest} text=${use.task} /></a> <span class="muted">as ${(use.roles ?? []).join(", ")}</span>
    ${hasAny(use.granted) ? html`<${JsonTree} text=${stringify(use.granted, 2)} what="capabilities in force" />` : html` <span class="hint">may use nothing beside the contract</span>`}</li>`;
}

function Used({ used }) {
  return html`<section class="panel" aria-label=${`Version ${used.digest.slice(0, 8)}`}>
    <h2>Version <${Digest} digest=${used.digest} canCopy=${true} />${used.pinned ? html` <span class="hint">only where it is pinned</span>` : ""}</h2>
    <dl class="facts"><dt>size</dt><dd>${bytes(used.bytes)}</dd><dt>roles</dt><dd>${(used.roles ?? []).join(", ") || "none"}</dd></dl>
    <h3>Tasks, and what it may do there</h3><ul>${(used.tasks ?? []).map((use) => html`<${Use} key=${use.task} use=${use} />`)}</ul>
    <h3>Imports <span class="hint">${counted((used.imports ?? []).length, "interface")}: all that it can ask of the host</span></h3>
    <ul class="imports">${(used.imports ?? []).map((name) => html`<li key=${name}><code><${Guest} text=${name} /></code></li>`)}</ul></section>`;
}

export default function Plugin({ path }) {
  const name = path[1];
  const look = useLook(routes.plugin(name));
  return html`<div class="head"><h1 tabindex="-1"><${Guest} text=${name} /></h1></div>
    <${Looked} look=${look} rows=${8} what="The plugin">${(plugin) => html`
      ${(plugin.in_use ?? []).map((used) => html`<${Used} key=${used.digest} used=${used} />`)}
      <${Versions} plugin=${name} versions=${plugin.versions} />`}<//>`;
}
