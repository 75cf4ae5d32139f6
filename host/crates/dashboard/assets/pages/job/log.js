// The log of a job: all of it or an attempt's, searchable, with the host's own lines; it follows until one scrolls up.

import { useEffect, useRef, useState } from "preact/hooks";

import { Copy } from "../../parts/copy.js";
import { Guest } from "../../parts/guest.js";
import { classes, html } from "../../parts/html.js";
import { count } from "../../parts/span.js";
import { useStore } from "../../live/store.js";
import { preferences } from "../../live/preferences.js";
import { absolute } from "../../parts/timestamp.js";

const LEVELS = ["debug", "info", "warn", "error"];
/** Lines that are elements at most; earlier ones are shown when asked for. */
const SHOWN = 1_000;

/** Returns the level of a line; what a guest prints has none. */
export function levelOf({ level, source }) {
  return level ?? (source === "stderr" ? "warn" : "info");
}

/**
 * Returns the lines of an attempt: by its run if the host says it, else by its time.
 * @param {any[]} lines
 * @param {any} attempt null for all
 */
export function linesOf(lines, attempt) {
  if (!attempt) return lines;
  const [from, to] = [Date.parse(attempt.started_at), Date.parse(attempt.ended_at ?? "") || Infinity];
  return lines.filter((line) => {
    if (line.run !== undefined && line.run !== null) return String(line.run) === String(attempt.run);
    const at = Date.parse(line.at);
    return at >= from && at <= to + 1;
  });
}

function timeOf(at, zone) {
  const time = Date.parse(at);
  return `${absolute(time, zone === "relative" ? "local" : zone)}.${String(time % 1_000).padStart(3, "0")}`;
}

export function Log({ lines, attempts, chosen, onChoose, isGrowing }) {
  const [text, setText] = useState("");
  const [least, setLeast] = useState("debug");
  const [shown, setShown] = useState(SHOWN);
  const [isFollowing, setFollowing] = useState(true);
  const box = useRef(null);
  const zone = useStore(preferences, (kept) => kept.zone);
  const attempt = attempts.find(({ run }) => String(run) === chosen) ?? null;
  const from = LEVELS.indexOf(least);
  const wanted = text.toLowerCase();
  const found = linesOf(lines, attempt).filter((line) => LEVELS.indexOf(levelOf(line)) >= from && (!wanted || line.text.toLowerCase().includes(wanted)));
  const visible = found.slice(-shown);
  useEffect(() => {
    if (isFollowing && isGrowing && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines.length, isFollowing]);
  const onScroll = (event) => {
    const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
    setFollowing(scrollHeight - scrollTop - clientHeight < 24);
  };
  return html`<section class="panel" aria-label="Log">
    <div class="row"><h2>Log <span class="hint">${count(found.length)}${found.length < lines.length ? ` of ${count(lines.length)}` : ""}</span></h2>
      <span class="push row">
        <select aria-label="Attempt" value=${chosen} onChange=${(event) => onChoose(event.target.value)}>
          <option value="">all attempts</option>
          ${attempts.map(({ run, number }) => html`<option key=${String(run)} value=${String(run)}>attempt ${number}</option>`)}
        </select>
        <select aria-label="Least level" value=${least} onChange=${(event) => setLeast(event.target.value)}>
          ${LEVELS.map((level) => html`<option key=${level} value=${level}>${level === "debug" ? "all levels" : `${level} and up`}</option>`)}
        </select>
        <input type="search" aria-label="Search in the log" placeholder="search" value=${text} onInput=${(event) => setText(event.target.value)} size="12" />
        ${isGrowing && html`<button type="button" aria-pressed=${isFollowing} onClick=${() => setFollowing(!isFollowing)}>follow</button>`}
        <${Copy} text=${() => found.map((line) => `${line.at} ${line.level ?? line.source} ${line.text}`).join("\n")} what="the log" />
      </span></div>
    ${found.length > visible.length && html`<button type="button" class="plain" onClick=${() => setShown(shown + 5 * SHOWN)}>${count(found.length - visible.length)} earlier lines</button>`}
    ${found.length === 0
      ? html`<p class="hint">${lines.length === 0 ? (isGrowing ? "Nothing was written yet." : "Nothing was written.") : "No line matches."}</p>`
      : html`<div class="log" ref=${box} onScroll=${onScroll} tabindex="0" role="log" aria-live="off" aria-label="Lines"><table><tbody>
        ${visible.map((line, at) => html`<tr key=${at} class=${classes(levelOf(line), line.source)}>
          <td class="muted nowrap" title=${line.at}>${timeOf(line.at, zone)}</td><td class="level nowrap">${line.level ?? line.source}</td>
          <td class="text"><${Guest} text=${line.text} mark=${text} /></td></tr>`)}
      </tbody></table></div>`}
  </section>`;
}
