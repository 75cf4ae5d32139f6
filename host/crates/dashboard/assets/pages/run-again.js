// Running a job again with other arguments: what is not changed stays byte for byte, masked values too.

import { useState } from "preact/hooks";

import { has } from "../live/account.js";
import { useLook } from "../live/look.js";
import { useWhyNot } from "../parts/action.js";
import { Failed, Looked } from "../parts/empty.js";
import { Guest } from "../parts/guest.js";
import { html } from "../parts/html.js";
import { toast } from "../parts/toast.js";
import { go, toJob } from "../route/hash.js";
import { ask, isAborted } from "../wire/ask.js";
import { members, parse, stringify } from "../wire/json.js";
import * as routes from "../wire/routes.js";
import { replacements } from "./replacements.js";
import { wrongArguments } from "./new-job.js";

function Form({ job, text: original }) {
  const [text, setText] = useState(original);
  const [delay, setDelay] = useState("0");
  const [problem, setProblem] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const tooSmall = useWhyNot("write");
  const masked = job.masked ?? [];
  const invalid = wrongArguments(text) ?? (Number(delay) >= 0 ? null : "the seconds are not a number");
  const changed = invalid ? [] : replacements(parse(original), parse(text));
  const lost = masked.find((path) => changed.some((one) => path !== one.path && `${path}/`.startsWith(`${one.path}/`)));
  const isHosts = has("again");
  const why = tooSmall ?? invalid ?? (lost ? `a masked value is inside of what was changed (${lost}): change its neighbours one by one` : null)
    ?? (!isHosts && masked.length > 0 ? "this host cannot put masked values in again" : null);
  const submit = async (event) => {
    event.preventDefault();
    if (why || isBusy) return;
    setBusy(true);
    setProblem(null);
    const delayMs = Math.round(Number(delay) * 1_000);
    try {
      const { data } = isHosts
        ? await ask(routes.change(job, "again"), { method: "POST", body: stringify({ replace: changed, delay_ms: delayMs }) })
        : await ask(routes.addJob(job.task), { method: "POST", body: `{"args":${text},"delay_ms":${delayMs},"priority":${job.priority}}` });
      toast(`Added ${job.task} ${data.id}`);
      go(toJob({ task: job.task, id: data.id }));
    } catch (problem) {
      if (!isAborted(problem)) setProblem(problem);
    } finally {
      setBusy(false);
    }
  };
  return html`<form class="panel" onSubmit=${submit}>
    <label class="field">Arguments<textarea rows="14" spellcheck="false" value=${text} onInput=${(event) => setText(event.target.value)} aria-invalid=${Boolean(invalid)}></textarea></label>
    <p class="hint" role="status">${changed.length === 0 ? "Nothing is changed: it runs again as it was." : html`Changed: ${changed.map(({ path }) => html`<code key=${path}>${path || "all"}</code> `)}`}
      ${masked.length > 0 && ` Masked values stay as they are unless you write others.`}</p>
    <label class="field">Seconds until it starts<input value=${delay} onInput=${(event) => setDelay(event.target.value)} inputmode="decimal" size="8" /></label>
    <${Failed} problem=${problem} what="The job" />
    <div class="row"><button class="primary" aria-disabled=${Boolean(why) || isBusy} aria-describedby="why-not">${isBusy ? "Adding…" : "Run again"}</button>
      <a class="button" href=${toJob(job)}>Leave it</a><span class="hint" id="why-not">${why ?? ""}</span></div>
  </form>`;
}

export default function RunAgain({ path }) {
  const of = { task: path[1], id: path[3] };
  const look = useLook(routes.job(of));
  return html`<div class="head"><h1 tabindex="-1">Run <a href=${toJob(of)}><${Guest} text=${of.task} /> ${of.id}</a> again</h1></div>
    <${Looked} look=${look} rows=${6} what="The job">${(job) => html`<${Form} job=${job} text=${members(look.text).get("args") ?? "[]"} />`}<//>`;
}
