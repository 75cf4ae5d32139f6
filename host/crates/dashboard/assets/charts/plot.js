// Charts over time with uPlot, which is loaded with the first of them. Each has a sentence as its name and a table behind a button.

import { useEffect, useRef, useState } from "preact/hooks";

import { preferences } from "../live/preferences.js";
import { useStore } from "../live/store.js";
import { html } from "../parts/html.js";
import { AsTable } from "./as-table.js";

let loading = null;

/** Loads the library and its style. */
function library() {
  loading ??= import("../vendor/uplot.mjs").then((module) => {
    const style = document.createElement("link");
    style.rel = "stylesheet";
    style.href = new URL("../vendor/uplot.css", import.meta.url).href;
    document.head.append(style);
    return module.default;
  });
  return loading;
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim() || "#888";
}

/** Stacks values: each series stands on the one before. */
export function stacked(series) {
  const sums = [];
  return series.map(({ values, ...rest }) => ({
    ...rest,
    plain: values,
    values: values.map((value, at) => {
      sums[at] = (sums[at] ?? 0) + (value ?? 0);
      return sums[at];
    }),
  }));
}

/** Draws marks, such as a new version, as lines with a name. */
function marksPlugin(marks) {
  const draw = (plot) => {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.font = `${11 * devicePixelRatio}px system-ui`;
    for (const { at, name, tone } of marks) {
      const x = plot.valToPos(at / 1_000, "x", true);
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.strokeStyle = colour(tone ?? "accent");
      ctx.fillStyle = ctx.strokeStyle;
      ctx.setLineDash([4, 3]);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.fillText(name, x + 3, bbox.top + 11 * devicePixelRatio);
    }
    ctx.restore();
  };
  return { hooks: { draw } };
}

/** Returns a pattern of stripes, so that failures are told without colour. */
function stripes(tone) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 6;
  const ctx = tile.getContext("2d");
  ctx.strokeStyle = colour(tone);
  ctx.lineWidth = 2;
  ctx.beginPath();
  ctx.moveTo(0, 6);
  ctx.lineTo(6, 0);
  ctx.stroke();
  return (plot) => plot.ctx.createPattern(tile, "repeat");
}

function options(Plot, { series, width, write, marks, sync, onZoom }) {
  const axis = { stroke: colour("muted"), grid: { stroke: colour("line"), width: 1 }, ticks: { show: false }, font: "11px system-ui" };
  return {
    width,
    height: 180,
    cursor: { sync: { key: sync }, drag: { x: true, y: false } },
    legend: { live: true },
    scales: { y: { range: (_, low, high) => [0, high > 0 ? high * 1.05 : 1] } },
    axes: [axis, { ...axis, size: 64, values: (_, ticks) => ticks.map((tick) => write(tick)) }],
    series: [
      { value: (_, time) => (time === null ? "" : new Date(time * 1_000).toLocaleTimeString("en-GB")) },
      ...[...series].reverse().map((one) => ({
        label: one.name,
        stroke: colour(one.tone),
        width: one.width ?? 1.5,
        dash: one.dash,
        fill: one.isHatched ? stripes(one.tone) : one.isFilled ? `${colour(one.tone)}40` : undefined,
        value: (_, value, index, at) => (at === null ? "" : write(one.plain ? one.plain[at] : value)),
        points: { show: false },
      })),
    ],
    hooks: {
      setSelect: [(plot) => {
        const { left, width: selected } = plot.select;
        if (selected > 4) onZoom?.(plot.posToVal(left, "x") * 1_000, plot.posToVal(left + selected, "x") * 1_000);
      }],
    },
    plugins: [marksPlugin(marks)],
  };
}

/**
 * @param {{title: string, sentence: string, times: number[], series: {name: string, values: any[], tone: string}[],
 *   write: (value: any) => string, marks?: any[], sync?: string, onZoom?: (from: number, to: number) => void}} props
 */
export function Plot({ title, sentence, times, series, write, marks = [], sync = "time", onZoom }) {
  const place = useRef(null);
  const plot = useRef(null);
  const [isTable, setTable] = useState(false);
  const theme = useStore(preferences, (kept) => kept.theme);
  const shape = series.map(({ name }) => name).join();
  useEffect(() => {
    if (isTable) return undefined;
    let isWanted = true;
    const observer = new ResizeObserver(() => plot.current?.setSize({ width: place.current?.clientWidth || 400, height: 180 }));
    library().then((Plot) => {
      if (!isWanted || !place.current) return;
      const data = [times.map((time) => time / 1_000), ...[...series].reverse().map(({ values }) => values)];
      plot.current = new Plot(options(Plot, { series, width: place.current.clientWidth, write, marks, sync, onZoom }), data, place.current);
      observer.observe(place.current);
    }, () => isWanted && setTable(true));
    return () => {
      isWanted = false;
      observer.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [isTable, theme, shape, times]);
  return html`<section class="chart panel" aria-label=${title}>
    <div class="row"><h2>${title}</h2><span class="hint">${sentence}</span>
      <button type="button" class="plain push" aria-pressed=${isTable} onClick=${() => setTable(!isTable)}>as a table</button></div>
    ${isTable
      ? html`<${AsTable} caption=${`${title}: ${sentence}`} times=${times} columns=${series.map(({ name, values, plain }) => ({ name, values: plain ?? values, write }))} />`
      : html`<div class="plot" ref=${place} role="img" aria-label=${`${title}: ${sentence}`}></div>`}
  </section>`;
}
