// All plugins: what they are for, which tasks use them, what they may do; and the deployments of the app.

import { account, has, may } from "../live/account.js";
import { useLook } from "../live/look.js";
import { useStore } from "../live/store.js";
import { Action, change } from "../parts/action.js";
import { Digest } from "../parts/digest.js";
import { confirm } from "../parts/dialog.js";
import { Empty, Looked } from "../parts/empty.js";
import { Guest } from "../parts/guest.js";
import { html } from "../parts/html.js";
import { bytes, count, counted } from "../parts/span.js";
import { Timestamp } from "../parts/timestamp.js";
import { toPlugin, toTask } from "../route/hash.js";
import * as routes from "../wire/routes.js";

function List({ plugins }) {
  if (plugins.length === 0) return html`<${Empty} title="No plugins yet" line="saggar new plugin mail.send" />`;
  return html`<div class="scroll" tabindex="0" role="group" aria-label="Plugins"><table>
    <thead><tr><th scope="col">plugin</th><th scope="col">version</th><th scope="col" class="number">size</th><th scope="col">roles</th><th scope="col">used by</th></tr></thead>
    <tbody>${plugins.map((plugin) => html`<tr key=${`${plugin.name} ${plugin.digest}`}>
      <td><a href=${toPlugin(plugin.name)}><${Guest} text=${plugin.name} /></a></td><td><${Digest} digest=${plugin.digest} />${plugin.pinned ? html` <span class="hint">pinned</span>` : ""}</td>
      <td class="number">${bytes(plugin.bytes)}</td><td>${(plugin.roles ?? []).join(", ")}</td>
      <td class="spaced">${(plugin.tasks ?? []).map((task) => html`<a key=${task} href=${toTask(task)}><${Guest} text=${task} /></a> `)}</td></tr>`)}</tbody>
  </table></div>`;
}

function Deployment({ deployment, isRunning, again }) {
  const rollBack = async () => {
    const body = html`<p>The app runs the plugins and scripts of deployment ${count(deployment.number)} from then on, until its files change and it is reloaded.</p>`;
    const isSure = await confirm({ title: `Go back to deployment ${deployment.number}?`, body, action: "Go back", isDestructive: true });
    if (isSure && (await change(`Went back to deployment ${deployment.number}`, `v1/rollback?to=${deployment.number}`))) again();
  };
  return html`<tr>
    <td class="number">${count(deployment.number)}</td><td><${Timestamp} at=${deployment.at} /></td>
    <td>${deployment.cause}${deployment.rolled_back_to ? ` to ${deployment.rolled_back_to}` : ""}</td><td><${Guest} text=${deployment.by} /></td>
    <td><details><summary>${counted(deployment.code_count, "plugin or script", "plugins and scripts")}</summary><ul>
      ${deployment.code.map((code) => html`<li key=${code.name}><${Guest} text=${code.name} /> <${Digest} digest=${code.digest} /> <span class="hint">${bytes(code.bytes)}${code.kept ? "" : ", not kept"}${code.pinned ? ", pinned" : ""}</span></li>`)}</ul></details></td>
    <td class="tight">${isRunning ? html`<span class="badge success">✔ runs</span>` : html`<${Action} role="admin" run=${rollBack}>Go back…<//>`}</td>
  </tr>`;
}

function Deployments() {
  const look = useLook(routes.deployments({ limit: 20 }));
  return html`<h2 class="after">Deployments</h2><${Looked} look=${look} rows=${4} what="The deployments">${({ deployments }) => (deployments.length === 0
    ? html`<p class="hint">None is recorded.</p>`
    : html`<div class="scroll" tabindex="0" role="group" aria-label="Deployments"><table>
      <thead><tr><th scope="col" class="number">number</th><th scope="col">when</th><th scope="col">cause</th><th scope="col">by</th><th scope="col">code</th><th><span class="visually-hidden">actions</span></th></tr></thead>
      <tbody>${deployments.map((deployment, at) => html`<${Deployment} key=${deployment.number} deployment=${deployment} isRunning=${at === 0} again=${look.again} />`)}</tbody>
    </table></div>`)}<//>`;
}

export default function Plugins() {
  const isKnown = useStore(account, (state) => state.isKnown);
  const look = useLook(has("plugins") ? routes.plugins() : null);
  return html`<div class="head"><h1 tabindex="-1">Plugins</h1></div>
    ${has("plugins") ? html`<${Looked} look=${look} rows=${6} what="The plugins">${({ plugins }) => html`<${List} plugins=${plugins} />`}<//>` : isKnown && html`<p class="hint">This host does not describe its plugins; its deployments say which code it runs.</p>`}
    ${may("read") && html`<${Deployments} />`}`;
}
