// The arguments and the response of a job as trees, with every digit as it was written.

import { useState } from "preact/hooks";

import { JsonTree } from "../../parts/json-tree.js";
import { html } from "../../parts/html.js";
import { useLook } from "../../live/look.js";
import { may } from "../../live/account.js";
import { members } from "../../wire/json.js";
import * as routes from "../../wire/routes.js";

export function Arguments({ job, raw }) {
  const [isUnmasked, setUnmasked] = useState(false);
  const masked = job.masked ?? [];
  const look = useLook(isUnmasked ? `${routes.job(job)}?unmask=true` : null);
  const text = look.data ? members(look.text).get("args") : raw.get("args");
  const canUnmask = masked.length > 0 && may("admin") && !look.data;
  return html`<section class="panel" aria-label="Arguments">
    <${JsonTree} text=${text ?? "[]"} what="arguments" masked=${look.data ? [] : masked} />
    ${masked.length > 0 && html`<p class="hint">${masked.length} masked by the task file.${" "}
      ${canUnmask && html`<button type="button" class="plain" onClick=${() => setUnmasked(true)}>Show them (this is audited)</button>`}
      ${look.problem && html`<span class="bad">${look.problem.detail}</span>`}</p>`}
  </section>`;
}

export function Response({ job, raw }) {
  if (job.status !== "SUCCESS") return null;
  return html`<section class="panel" aria-label="Response"><${JsonTree} text=${raw.get("response") ?? "null"} what="response" /></section>`;
}
