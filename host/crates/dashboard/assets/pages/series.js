// The charts of a task: what its jobs came to, how long attempts took, how many wait. One line of the pointer goes through all.

import { useMemo } from "preact/hooks";

import { Plot, stacked } from "../charts/plot.js";
import { html } from "../parts/html.js";
import { bytes, count, rate, share, short, span } from "../parts/span.js";

const sum = (values) => (values ?? []).reduce((all, value) => all + Number(value ?? 0), 0);
const last = (values) => [...(values ?? [])].reverse().find((value) => value !== null && value !== undefined) ?? null;

/** Adds up several series, point by point. */
export function added(series, length) {
  return Array.from({ length }, (_, at) => series.reduce((all, values) => all + Number(values?.[at] ?? 0), 0));
}

/** Returns how the end of a series compares with the same length before it, in words. */
export function trend(values, write) {
  const known = (values ?? []).map((value) => (value === null || value === undefined ? null : Number(value)));
  const half = Math.floor(known.length / 2);
  const mean = (part) => {
    const all = part.filter((value) => value !== null);
    return all.length > 0 ? all.reduce((one, other) => one + other, 0) / all.length : null;
  };
  const [before, now] = [mean(known.slice(0, half)), mean(known.slice(half))];
  if (now === null) return "nothing in this time";
  if (before === null || Math.abs(now - before) <= before * 0.1) return `${write(now)} on average`;
  return `${write(now)}, ${now > before ? "up" : "down"} from ${write(before)} in the first half`;
}

const NAMES = { start: "start", reload: "reload", pause: "paused", resume: "resumed" };
const markName = ({ what, digest }) => (what === "version" ? String(digest ?? "").slice(0, 8) : NAMES[what] ?? what);

export function Series({ data, onZoom }) {
  const length = data.succeeded?.length ?? 0;
  const charts = useMemo(() => {
    const from = Date.parse(data.from);
    const times = Array.from({ length }, (_, at) => from + at * data.step_ms);
    const perSecond = (values) => (values ?? []).map((value) => (Number(value ?? 0) * 1_000) / data.step_ms);
    const failed = added(Object.values(data.failed ?? {}), length);
    const throughput = stacked([
      { name: "success", values: perSecond(data.succeeded), tone: "success", isFilled: true },
      { name: "retried", values: perSecond(data.retried), tone: "delayed", isFilled: true },
      { name: "failure", values: perSecond(failed), tone: "failure", isHatched: true },
    ]);
    const lines = (of, tones) => Object.entries(of ?? {}).map(([name, values], at) => ({ name, values: values.map((value) => (value === null ? null : Number(value))), ...tones[at] }));
    return { times, failed, throughput, lines };
  }, [data]);
  const { times, failed, throughput, lines } = charts;
  const marks = (data.marks ?? []).map((mark) => ({ at: Date.parse(mark.at), name: markName(mark), tone: mark.what === "version" ? "accent" : "muted" }));
  const widths = [{ tone: "running", width: 1 }, { tone: "delayed", width: 1.5, dash: [6, 3] }, { tone: "failure", width: 2.5 }];
  const ended = sum(data.succeeded) + sum(failed);
  const percentiles = lines(data.duration_ms, widths);
  const waiting = [
    ...(data.waiting ? [{ name: "waiting", values: data.waiting.map(Number), tone: "waiting", isFilled: true }] : []),
    ...(data.busy ? [{ name: "busy slots", values: data.busy.map(Number), tone: "running" }] : []),
  ];
  return html`
    <${Plot} title="Throughput" times=${times} series=${throughput} write=${rate} marks=${marks} onZoom=${onZoom}
      sentence=${`${count(ended)} jobs ended, ${share(sum(failed), ended)} of them as FAILURE; ${trend(data.succeeded?.map((value) => (Number(value) * 1_000) / data.step_ms), rate)}`} />
    ${percentiles.length > 0 && html`<${Plot} title="Duration of attempts" times=${times} series=${percentiles} write=${span} marks=${marks} onZoom=${onZoom}
      sentence=${`p99 ${last(data.duration_ms.p99) === null ? "–" : span(last(data.duration_ms.p99))}; ${trend(data.duration_ms.p99, span)}`} />`}
    ${waiting.length > 0 && html`<${Plot} title="Waiting" times=${times} series=${waiting} write=${short} marks=${marks} onZoom=${onZoom}
      sentence=${`${short(last(data.waiting) ?? 0)} wait at the end; ${trend(data.waiting, short)}`} />`}
    ${data.memory_peak && sum(data.memory_peak) > 0 && html`<${Plot} title="Peak memory" times=${times} series=${[{ name: "peak memory", values: data.memory_peak.map((value) => (value === null ? null : Number(value))), tone: "delayed" }]}
      write=${bytes} marks=${marks} onZoom=${onZoom} sentence=${trend(data.memory_peak, bytes)} />`}`;
}
