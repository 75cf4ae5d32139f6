// A plugin: what it imports, what it asks for and is granted, and its versions.

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

const STATES = { host: ["✓", "the host has it"], granted: ["✓", "granted"], denied: ["–", "denied: each call of it fails"] };

/** The members of what is asked, granted or in force, as text. */
function listed(value) {
  if (value === null || value === undefined) return "none";
  if (Array.isArray(value)) return value.length > 0 ? value.map((one) => (typeof one === "object" ? stringify(one) : String(one))).join(", ") : "none";
  return typeof value === "object" ? stringify(value) : String(value);
}

function Capabilities({ plugin }) {
  const { asked = {}, granted = {}, in_force: inForce = {} } = plugin;
  const kinds = [...new Set([...Object.keys(asked ?? {}), ...Object.keys(granted ?? {}), ...Object.keys(inForce ?? {})])];
  if (kinds.length === 0) return html`<p class="hint">It asks for nothing.</p>`;
  return html`<div class="scroll" tabindex="0" role="group" aria-label="Capabilities"><table>
    <thead><tr><th scope="col">capability</th><th scope="col">asked</th><th scope="col">granted</th><th scope="col">in force</th></tr></thead>
    <tbody>${kinds.map((kind) => html`<tr key=${kind}><th scope="row">${kind}</th>
      ${[asked, granted, inForce].map((of, at) => html`<td key=${at}><${Guest} text=${listed(of?.[kind])} /></td>`)}</tr>`)}</tbody>
  </table></div>`;
}

export default function Plugin({ path }) {
  const name = path[1];
  const look = useLook(routes.plugin(name));
  return html`<div class="head"><h1 tabindex="-1"><${Guest} text=${name} /></h1>${look.data && html`<${Digest} digest=${look.data.digest} canCopy=${true} />`}</div>
    <${Looked} look=${look} rows=${8} what="The plugin">${(plugin) => html`
      <section class="panel" aria-label="Facts"><dl class="facts">
        <dt>size</dt><dd>${bytes(plugin.bytes)}</dd>
        <dt>roles</dt><dd>${(plugin.roles ?? []).join(", ") || "none"}</dd>
        ${plugin.handlers?.length > 0 && html`<dt>handlers</dt><dd>${plugin.handlers.map((one) => html`<code key=${one}><${Guest} text=${one} /></code> `)}</dd>`}
        <dt>used by</dt><dd class="spaced">${(plugin.tasks ?? []).map((task) => html`<a key=${task} href=${toTask(task)}><${Guest} text=${task} /></a> `)}</dd>
        ${Object.entries(plugin.producers ?? {}).map(([kind, value]) => html`<dt>${kind}</dt><dd><${Guest} text=${value} /></dd>`)}
      </dl></section>
      <section class="panel" aria-label="Capabilities"><h2>What it may do</h2><${Capabilities} plugin=${plugin} /></section>
      <section class="panel" aria-label="Imports"><h2>Imports <span class="hint">${counted((plugin.imports ?? []).length, "interface")}</span></h2>
        <ul class="imports">${(plugin.imports ?? []).map(({ interface: name, state }) => html`<li key=${name} class=${state === "denied" ? "muted" : ""} title=${STATES[state]?.[1] ?? state}>
          <code><${Guest} text=${name} /></code> ${STATES[state]?.[0] ?? state} <span class="hint">${state === "denied" ? "denied" : ""}</span></li>`)}</ul></section>
      <${Versions} plugin=${name} versions=${plugin.versions} />
      ${plugin.args && html`<section class="panel" aria-label="Arguments"><${JsonTree} text=${stringify(plugin.args, 2)} what="schema of the arguments" /></section>`}`}<//>`;
}
