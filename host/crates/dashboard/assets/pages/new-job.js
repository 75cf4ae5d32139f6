// Adding a job: a form from the schema of the arguments, or JSON as it is sent; and the same as a command.

import { useState } from "preact/hooks";

import { has } from "../live/account.js";
import { useLook } from "../live/look.js";
import { pulse } from "../live/pulse.js";
import { useStore } from "../live/store.js";
import { useWhyNot } from "../parts/action.js";
import { Copy } from "../parts/copy.js";
import { Failed } from "../parts/empty.js";
import { html } from "../parts/html.js";
import { argumentsText, fieldsOf, wrong } from "../parts/schema.js";
import { SchemaForm } from "../parts/schema-form.js";
import { toast } from "../parts/toast.js";
import { go, link, toJob } from "../route/hash.js";
import { pluginOf } from "../route/reference.js";
import { address, ask, isAborted } from "../wire/ask.js";
import * as routes from "../wire/routes.js";
import { session } from "../wire/session.js";

/** Makes a key, so that sending the same again adds no second job. */
function newKey() {
  const parts = crypto.getRandomValues(new Uint32Array(3));
  return `ui-${[...parts].map((part) => part.toString(36)).join("")}`;
}

/** Returns why a text is no list of arguments; null if it is one. */
export function wrongArguments(text) {
  try {
    return Array.isArray(JSON.parse(text)) ? null : "the arguments are a JSON array, such as [\"ada@example.org\"]";
  } catch (error) {
    return error.message;
  }
}

/** Returns the body of the request, with the arguments as they were written. */
export function bodyOf({ args, when, delay, at, priority, unique }) {
  const more = [];
  if (when === "delay") more.push(`"delay_ms":${Math.round(Number(delay) * 1_000)}`);
  if (when === "at") more.push(`"run_at":${JSON.stringify(new Date(at).toISOString())}`);
  if (Number(priority) !== 0) more.push(`"priority":${Number(priority)}`);
  if (unique) more.push(`"unique":{"by":${JSON.stringify(unique)}}`);
  return `{"args":${args}${more.map((one) => `,${one}`).join("")}}`;
}

/** Quotes a text for a shell. */
export function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function schemaOf(task, plugin) {
  const used = plugin?.in_use?.find(({ pinned }) => !pinned) ?? plugin?.in_use?.[0];
  const schema = task?.definition?.args ?? plugin?.args ?? used?.args ?? null;
  return schema && fieldsOf(schema) ? schema : null;
}

function Options({ more, setMore }) {
  const set = (name) => (event) => setMore({ ...more, [name]: event.target.value });
  return html`<div class="row">
    <label class="field">When<select value=${more.when} onChange=${set("when")}><option value="now">now</option><option value="delay">after</option><option value="at">at</option></select></label>
    ${more.when === "delay" && html`<label class="field">Seconds<input value=${more.delay} onInput=${set("delay")} inputmode="decimal" size="8" /></label>`}
    ${more.when === "at" && html`<label class="field">Time<input type="datetime-local" value=${more.at} onInput=${set("at")} /></label>`}
    <label class="field">Priority<input value=${more.priority} onInput=${set("priority")} inputmode="numeric" size="6" /></label>
    <label class="field">Unique<select value=${more.unique} onChange=${set("unique")}><option value="">no</option><option value="args">by its arguments</option><option value="task">in its task</option></select></label>
    <label class="field">Key<input value=${more.key} onInput=${set("key")} placeholder="made for you" autocomplete="off" /></label>
  </div>`;
}

function wrongOptions({ when, delay, at, priority }) {
  if (when === "delay" && !(Number(delay) >= 0)) return "the seconds are not a number";
  if (when === "at" && Number.isNaN(Date.parse(at))) return "the time is missing";
  return /^-?\d+$/.test(priority) ? null : "the priority is not a whole number";
}

function Form({ id, schema }) {
  const [isJson, setJson] = useState(false);
  const [text, setText] = useState("[]");
  const [texts, setTexts] = useState({});
  const [more, setMore] = useState({ when: "now", delay: "60", at: "", priority: "0", unique: "", key: "" });
  const [made] = useState(newKey);
  const [problem, setProblem] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const tooSmall = useWhyNot("write");
  const isForm = schema && !isJson;
  const args = isForm ? argumentsText(schema, texts) : text;
  const badField = isForm && fieldsOf(schema).find((field) => wrong(field, texts[field.path] ?? ""));
  const why = tooSmall ?? (badField ? `${badField.label} ${wrong(badField, texts[badField.path] ?? "")}` : wrongArguments(args)) ?? wrongOptions(more);
  const toggle = () => {
    if (!isJson) setText(args);
    setJson(!isJson);
  };
  const submit = async (event) => {
    event.preventDefault();
    if (why || isBusy) return;
    setBusy(true);
    setProblem(null);
    try {
      const { data } = await ask(routes.addJob(id), { method: "POST", body: bodyOf({ ...more, args }), key: more.key || made });
      toast(data.new ? `Added ${id} ${data.id}` : `${id} ${data.id} was there already`);
      go(toJob({ task: id, id: data.id }));
    } catch (problem) {
      if (!isAborted(problem)) setProblem(problem);
    } finally {
      setBusy(false);
    }
  };
  const body = why && !badField ? null : bodyOf({ ...more, args });
  const token = session.token ? " -H \"Authorization: Bearer $TOKEN\"" : "";
  const line = body && `curl ${address(routes.addJob(id))} -H 'Content-Type: application/json'${token} -d ${quoted(body)}`;
  return html`<form class="panel" onSubmit=${submit}>
    ${schema && html`<button type="button" class="plain" aria-pressed=${isJson} onClick=${toggle}>as JSON</button>`}
    ${isForm
      ? html`<${SchemaForm} schema=${schema} texts=${texts} onTexts=${setTexts} />`
      : html`<label class="field">Arguments, a JSON array<textarea rows="8" spellcheck="false" value=${text} onInput=${(event) => setText(event.target.value)} aria-invalid=${Boolean(wrongArguments(text))}></textarea>
        <span class="hint">Stored as written, with every digit.</span></label>`}
    <${Options} more=${more} setMore=${setMore} />
    <${Failed} problem=${problem} what="The job" />
    <div class="row"><button class="primary" aria-disabled=${Boolean(why) || isBusy} aria-describedby="why-not">${isBusy ? "Adding…" : "Add the job"}</button>
      <span class="hint" id="why-not">${why ?? "It has a key, so trying again adds no second one."}</span></div>
    ${line && html`<p class="hint after">The same as</p><div class="row"><pre>${line}</pre><${Copy} text=${line} what="the command" /></div>`}
  </form>`;
}

export default function NewJob({ path }) {
  const id = path[0] === "tasks" ? path[1] : null;
  const tasks = [...useStore(pulse, (state) => state.tasks).keys()].sort();
  const task = useLook(id ? routes.task(id) : null);
  const name = task.data ? pluginOf(task.data.definition.process) : null;
  const plugin = useLook(has("plugins") && name && !task.data.definition.args ? routes.plugin(name) : null);
  const choose = (event) => event.target.value && go(link(["tasks", event.target.value, "new"]));
  const isReady = task.data && !plugin.isLoading;
  return html`<div class="head"><h1 tabindex="-1">New job</h1></div>
    <label class="field">Task<select value=${id ?? ""} onChange=${choose}><option value="">choose a task</option>
      ${id && !tasks.includes(id) && html`<option value=${id}>${id}</option>`}${tasks.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}</select></label>
    <${Failed} problem=${task.problem} again=${task.again} retryAt=${task.retryAt} what="The task" />
    ${task.data?.state === "broken" && html`<div class="message failure">This task is broken; jobs of it are refused.</div>`}
    ${id && isReady && html`<${Form} key=${id} id=${id} schema=${schemaOf(task.data, plugin.data)} />`}`;
}
