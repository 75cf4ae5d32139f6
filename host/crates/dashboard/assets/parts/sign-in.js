// Signing in: a token, kept for this tab, or longer if somebody asks for that.

import { useId, useState } from "preact/hooks";

import { account, signIn } from "../live/account.js";
import { useStore } from "../live/store.js";
import { forget, session, use } from "../wire/session.js";
import { Dialog } from "./dialog.js";
import { Guest } from "./guest.js";
import { html } from "./html.js";

export function SignIn() {
  const { me, problem } = useStore(account);
  const [token, setToken] = useState("");
  const [remember, setRemember] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [isTried, setTried] = useState(Boolean(session.token));
  const id = useId();
  const canLeave = Boolean(me);
  const submit = async (event) => {
    event.preventDefault();
    if (!token.trim() || isBusy) return;
    setBusy(true);
    use(token.trim(), remember);
    await signIn();
    setBusy(false);
    setTried(true);
    // A token that the host does not know is not kept; whoever had another one has it in the switcher.
    if (account.get().state === "signed-out") forget(token.trim());
  };
  const leave = () => canLeave && account.set({ state: "ready", problem: null });
  const why = problem?.code === "token-expired" ? "The token has expired." : isTried ? "The host does not know this token." : null;
  return html`<${Dialog} title="Sign in" onClose=${leave}>
    <form onSubmit=${submit}>
      <p>This host asks for a token. <code>saggar token</code> makes one; its digest belongs in the host's configuration.</p>
      ${problem && why && html`<div class="message failure" role="alert"><span>${why} <${Guest} text=${problem.detail} /></span></div>`}
      <label class="field" for=${id}>Token
        <input id=${id} type="password" autocomplete="off" spellcheck="false" value=${token} onInput=${(event) => setToken(event.target.value)} autofocus />
      </label>
      <label class="check"><input type="checkbox" checked=${remember} onChange=${(event) => setRemember(event.target.checked)} />
        Keep it in this browser when the tab is closed</label>
      <div class="actions">
        ${canLeave && html`<button type="button" onClick=${leave}>Leave it</button>`}
        <button class="primary" aria-disabled=${isBusy || !token.trim()}>${isBusy ? "Asking…" : "Sign in"}</button>
      </div>
    </form>
  <//>`;
}
