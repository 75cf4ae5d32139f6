// Two attempts, jobs or versions side by side: what differs, by how much, and whether that may be chance.

import { has } from "../live/account.js";
import { useLook } from "../live/look.js";
import { Digest } from "../parts/digest.js";
import { Looked } from "../parts/empty.js";
import { Guest } from "../parts/guest.js";
import { classes, html } from "../parts/html.js";
import { bytes, count, share, span } from "../parts/span.js";
import { Timestamp } from "../parts/timestamp.js";
import { toJob, toPlugin } from "../route/hash.js";
import * as routes from "../wire/routes.js";
import { FlameOf } from "./flame.js";
import { linesOf } from "./job/log.js";
import { compareLogs } from "./log-diff.js";
import { compareShares, rank, wilson } from "./statistics.js";
import { SAMPLE, useOutcomes, useSample } from "./version-data.js";

/** Reads `task:id` or `task:id:run`. */
export function readSide(text) {
  const found = /^(.+?):(\d+)(?::(\d+))?$/.exec(text ?? "");
  return found ? { task: found[1], id: found[2], run: found[3] ?? null } : null;
}

/** Returns how a number differs: `+29.6 s`, `×4.6`. */
export function difference(one, other, write) {
  if (one === null || other === null || one === undefined || other === undefined) return null;
  const [before, now] = [Number(one), Number(other)];
  if (before === now) return null;
  if (before > 0 && now > 0 && (now / before >= 2 || before / now >= 2)) {
    const factor = now > before ? now / before : before / now;
    return `${now > before ? "×" : "÷"}${factor >= 10 ? Math.round(factor) : Math.round(factor * 10) / 10}`;
  }
  return `${now > before ? "+" : "−"}${write(Math.abs(now - before))}`;
}

function Row({ name, one, other, differs }) {
  const isDifferent = differs !== null && differs !== false && differs !== undefined;
  return html`<tr><th scope="row">${name}</th><td>${one}</td><td>${other}</td><td class=${classes(isDifferent ? "differs" : "muted")}>${isDifferent ? html`● ${differs === true ? "" : differs}` : "="}</td></tr>`;
}

const tookOf = ({ attempt }) => (attempt?.ended_at ? Date.parse(attempt.ended_at) - Date.parse(attempt.started_at) : null);

function Imports({ one, other }) {
  const [before, now] = [one, other].map(({ attempt }) => attempt?.imports ?? null);
  if (!before || !now) return null;
  const gained = now.filter((name) => !before.includes(name));
  const lost = before.filter((name) => !now.includes(name));
  const text = [...gained.map((name) => `+ ${name}`), ...lost.map((name) => `− ${name}`)].join(", ");
  return html`<${Row} name="imports" one=${count(before.length)} other=${count(now.length)} differs=${text || null} />`;
}

function LogDiff({ one, other }) {
  const pieces = compareLogs(one.map(({ text }) => text), other.map(({ text }) => text));
  return html`<section class="panel" aria-label="Logs"><h2>Logs <span class="hint">${count(one.length)} and ${count(other.length)} lines; numbers are not compared</span></h2>
    <div class="log" tabindex="0">${pieces.map((piece, at) => html`<div key=${at} class=${classes(piece.kind === "added" && "added-line", piece.kind === "removed" && "removed-line", piece.kind === "same" && "muted")}>
      ${piece.kind === "same" ? `= ${piece.lines.length === 1 ? "a line" : `${count(piece.lines.length)} lines`} the same` : html`${{ added: "+", removed: "−" }[piece.kind]} <${Guest} text=${piece.lines[0]} />${piece.lines.length > 1 ? ` × ${count(piece.lines.length)}` : ""}`}</div>`)}</div></section>`;
}

/** All that is known of one side. */
function useSide(side) {
  const job = useLook(side ? routes.job(side) : null);
  const list = useLook(side ? routes.attempts(side) : null);
  const logs = useLook(side ? routes.logs(side) : null);
  const attempts = list.data?.attempts ?? [];
  const summary = side?.run ? attempts.find(({ run }) => String(run) === side.run) : attempts.at(-1);
  const more = useLook(side && summary && has("attempt") ? routes.attempt(side, summary.run) : null);
  const attempt = more.data ?? summary ?? null;
  const problem = job.problem ?? list.problem;
  return { side, job: job.data, attempt, lines: linesOf(logs.data?.lines ?? [], side?.run ? attempt : null), look: { data: job.data && list.data ? true : null, problem, isLoading: !problem, again: job.again } };
}

function Attempts({ a, b }) {
  const [one, other] = [useSide(a), useSide(b)];
  if (!a || !b) return html`<p class="bad">The address does not name two attempts.</p>`;
  const look = one.look.data ? other.look : one.look;
  return html`<${Looked} look=${look} rows=${6} what="The comparison">${() => {
    const [before, now] = [one.attempt, other.attempt];
    const head = ({ side, attempt }) => html`<a href=${toJob(side)}><${Guest} text=${side.task} /> ${side.id}</a>${attempt ? ` · attempt ${attempt.number}` : ""}`;
    const cost = (name, write) => html`<${Row} name=${{ cpu_ms: "CPU", peak_memory: "peak memory" }[name]} one=${before?.cost ? write(before.cost[name]) : "–"} other=${now?.cost ? write(now.cost[name]) : "–"} differs=${difference(before?.cost?.[name], now?.cost?.[name], write)} />`;
    return html`<div class="scroll" tabindex="0" role="group" aria-label="Comparison"><table>
      <thead><tr><td></td><th scope="col">${head(one)}</th><th scope="col">${head(other)}</th><th scope="col">differs</th></tr></thead>
      <tbody>
        <${Row} name="version" one=${html`<${Digest} digest=${before?.cost?.digest} />`} other=${html`<${Digest} digest=${now?.cost?.digest} />`} differs=${before?.cost?.digest !== now?.cost?.digest} />
        <${Row} name="deployment" one=${count(before?.deployment)} other=${count(now?.deployment)} differs=${String(before?.deployment) !== String(now?.deployment)} />
        <${Row} name="began" one=${html`<${Timestamp} at=${before?.started_at} />`} other=${html`<${Timestamp} at=${now?.started_at} />`} differs=${null} />
        <${Row} name="ending" one=${before?.ending ?? "–"} other=${now?.ending ?? "–"} differs=${before?.ending !== now?.ending} />
        <${Row} name="problem" one=${html`<${Guest} text=${before?.problem?.message ?? "–"} />`} other=${html`<${Guest} text=${now?.problem?.message ?? "–"} />`} differs=${before?.problem?.message !== now?.problem?.message} />
        <${Row} name="took" one=${span(tookOf(one))} other=${span(tookOf(other))} differs=${difference(tookOf(one), tookOf(other), span)} />
        ${cost("cpu_ms", span)}${cost("peak_memory", bytes)}
        <${Row} name="instance" one=${before?.cost ? (before.cost.fresh ? "fresh" : "warm") : "–"} other=${now?.cost ? (now.cost.fresh ? "fresh" : "warm") : "–"} differs=${before?.cost?.fresh !== now?.cost?.fresh} />
        <${Imports} one=${one} other=${other} />
      </tbody></table></div><${LogDiff} one=${one.lines} other=${other.lines} />`;
  }}<//>`;
}

const VERDICTS = {
  chance: "The shares of failures differ by no more than chance would make them.",
  more: "The newer version fails more often; chance alone would hardly do that.",
  less: "The newer version fails less often; chance alone would hardly do that.",
};

const took = ({ started_at: from, ended_at: to }) => Date.parse(to) - Date.parse(from);

/** Measures of a sample of attempts: name, value of an attempt, share of the sample below, and how it is written. */
const MEASURES = [
  ["took, median", took, 0.5, span],
  ["took, longest tenth", took, 0.9, span],
  ["CPU, median", ({ cost }) => cost.cpu_ms, 0.5, span],
  ["peak memory", ({ cost }) => cost.peak_memory, 1, bytes],
];

function Versions({ name, a, b }) {
  const look = useLook(routes.plugin(name));
  const [one, other] = [useOutcomes(a), useOutcomes(b)];
  const [before, now] = [useSample(a), useSample(b)];
  return html`<${Looked} look=${look} rows=${6} what="The versions">${(plugin) => {
    const known = [a, b].map((digest) => (plugin.versions ?? []).find((version) => version.digest === digest));
    const imports = [a, b].map((digest) => (plugin.in_use ?? []).find((used) => used.digest === digest)?.imports);
    const verdict = one?.of > 0 && other?.of > 0 ? compareShares(one, other) : null;
    const interval = (of) => (of ? `${share(of.part, of.of)} (${share(wilson(of.part, of.of).low, 1)} to ${share(wilson(of.part, of.of).high, 1)})` : "–");
    const write = (value, how) => (value === null || value === undefined ? "–" : how(value));
    const rows = [
      ...MEASURES.map(([title, read, part, how]) => [title, ...[before, now].map((sample) => rank((sample ?? []).map(read), part)), how]),
      ["size", known[0]?.bytes, known[1]?.bytes, bytes],
    ];
    const tasks = [...new Set((plugin.in_use ?? []).flatMap((used) => used.tasks ?? []).map(({ task }) => task))];
    return html`${verdict && html`<div class="message ${verdict === "more" ? "failure" : ""}"><span>${VERDICTS[verdict]}</span></div>`}
      <div class="scroll" tabindex="0" role="group" aria-label="Comparison"><table>
        <thead><tr><td></td><th scope="col"><${Digest} digest=${a} /></th><th scope="col"><${Digest} digest=${b} /></th><th scope="col">differs</th></tr></thead>
        <tbody>
          <${Row} name="since" one=${html`<${Timestamp} at=${known[0]?.at} />`} other=${html`<${Timestamp} at=${known[1]?.at} />`} differs=${null} />
          <${Row} name="jobs that ended" one=${count(one?.of)} other=${count(other?.of)} differs=${null} />
          <${Row} name="fail" one=${interval(one)} other=${interval(other)} differs=${verdict && verdict !== "chance" ? "beyond chance" : null} />
          ${rows.map(([title, first, second, how]) => html`<${Row} key=${title} name=${title} one=${write(first, how)} other=${write(second, how)} differs=${difference(first, second, how)} />`)}
          ${imports[0] && imports[1] && html`<${Imports} one=${{ attempt: { imports: imports[0] } }} other=${{ attempt: { imports: imports[1] } }} />`}
        </tbody></table></div>
      <p class="hint">Times and memory are of the attempts of the newest ${SAMPLE} jobs of each: ${count(before?.length)} and ${count(now?.length)}.</p>
      ${has("flame") && tasks.slice(0, 4).map((task) => html`<h2 class="after" key=${task}>Flame of <${Guest} text=${task} /></h2><${FlameOf} task=${task} digest=${b} before=${a} />`)}`;
  }}<//>`;
}

export default function Compare({ query }) {
  const plugin = query.get("plugin");
  const [a, b] = [query.get("a"), query.get("b")];
  return html`<div class="head"><h1 tabindex="-1">Compare ${plugin ? html`versions of <a href=${toPlugin(plugin)}><${Guest} text=${plugin} /></a>` : "attempts"}</h1></div>
    ${plugin ? html`<${Versions} name=${plugin} a=${a} b=${b} />` : html`<${Attempts} a=${readSide(a)} b=${readSide(b)} />`}`;
}
