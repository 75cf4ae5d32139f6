// What somebody prefers in this browser, and the tokens that it keeps.

import { useState } from "preact/hooks";

import { account, has, signIn } from "../live/account.js";
import { prefer, preferences } from "../live/preferences.js";
import { useStore } from "../live/store.js";
import { Guest } from "../parts/guest.js";
import { html } from "../parts/html.js";
import { absolute } from "../parts/timestamp.js";
import { clock } from "../wire/ask.js";
import { forget, identities, session } from "../wire/session.js";

/** The zones that this browser knows. */
function zones() {
  return typeof Intl.supportedValuesOf === "function" ? Intl.supportedValuesOf("timeZone") : [];
}

function Choice({ label, name, options, hint }) {
  const kept = useStore(preferences);
  const choose = (event) => prefer({ [name]: typeof kept[name] === "number" ? Number(event.target.value) : event.target.value });
  return html`<label class="field">${label}<select value=${String(kept[name])} onChange=${choose}>
    ${options.map(([value, text]) => html`<option key=${value} value=${String(value)}>${text}</option>`)}</select>${hint && html`<span class="hint">${hint}</span>`}</label>`;
}

function Switch({ label, name, hint }) {
  const kept = useStore(preferences);
  return html`<label class="check"><input type="checkbox" checked=${kept[name]} onChange=${(event) => prefer({ [name]: event.target.checked })} />${label}</label>
    ${hint && html`<p class="hint">${hint}</p>`}`;
}

export default function Settings() {
  const [, again] = useState(0);
  const zone = useStore(preferences, (kept) => kept.zone);
  const me = useStore(account, (state) => state.me);
  const drop = (token) => () => {
    const isOwn = token === session.token;
    forget(token);
    again((count) => count + 1);
    if (isOwn) signIn();
  };
  return html`<div class="head"><h1 tabindex="-1">Settings</h1></div>
    <section class="panel" aria-label="Looks"><h2>Looks</h2>
      <${Choice} label="Theme" name="theme" options=${[["system", "as the system"], ["light", "light"], ["dark", "dark"]]} />
      <${Choice} label="Times" name="zone" hint=${`Now: ${absolute(clock.now(), zone === "relative" ? "local" : zone)}`}
        options=${[["relative", "how long ago"], ["local", "local time"], ["UTC", "UTC"], ...zones().filter((name) => name !== "UTC").map((name) => [name, name])]} />
      <${Switch} label="Dense rows" name="dense" />
    </section>
    <section class="panel" aria-label="Updates"><h2>Updates</h2>
      <${Switch} label="Follow by a stream" name="streams" hint=${has("pulse") ? "Off: the host is asked again and again." : "This host has no stream of counts; it is asked again and again."} />
      <${Choice} label="Ask again every" name="pollSeconds" options=${[[2, "2 seconds"], [5, "5 seconds"], [15, "15 seconds"], [60, "minute"]]} />
    </section>
    <section class="panel" aria-label="Keys"><h2>Keys</h2><${Switch} label="One-letter keys act" name="keys" hint="Each of them has a button as well; ? lists them." /></section>
    <section class="panel" aria-label="Tokens"><h2>Tokens</h2>
      ${me?.open && html`<p>This host has no tokens: every program on its machine may do everything.</p>`}
      ${identities().length === 0 && !me?.open && html`<p class="hint">None is kept.</p>`}
      <ul>${identities().map(({ token, name, role, of }) => html`<li key=${token} class="row"><span><${Guest} text=${name ?? "not used yet"} /> <span class="muted">${[role, of].filter(Boolean).join(", ")}</span>${token === session.token ? " · this tab" : ""}</span>
        <button type="button" onClick=${drop(token)}>Forget</button></li>`)}</ul>
    </section>`;
}
