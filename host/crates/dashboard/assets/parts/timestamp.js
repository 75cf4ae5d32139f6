// Times for people: how long ago by the host's clock, in the local zone or another one; always all of them in the tooltip.

import { useEffect, useState } from "preact/hooks";

import { preferences } from "../live/preferences.js";
import { useStore } from "../live/store.js";
import { clock } from "../wire/ask.js";
import { html } from "./html.js";
import { span } from "./span.js";

/** How long ago: `now`, `41 s ago`, `in 4.1 s`. */
export function ago(ms) {
  const past = Math.abs(ms);
  if (past < 1_000) return "now";
  const rounded = past < 60_000 ? Math.floor(past / 1_000) * 1_000 : past;
  const text = span(rounded).replace(/^(\d+ \w+) .*/, past < 7_200_000 ? "$&" : "$1");
  return ms >= 0 ? `${text} ago` : `in ${text}`;
}

/** A time in a zone; only the time of a day that is today. */
export function absolute(time, zone, now = clock.now()) {
  const timeZone = zone === "local" || zone === "relative" ? undefined : zone;
  const part = (options) => new Intl.DateTimeFormat("en-GB", { timeZone, ...options });
  const day = part({ year: "numeric", month: "2-digit", day: "2-digit" });
  const clockText = part({ hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false }).format(time);
  if (day.format(time) === day.format(now)) return clockText;
  const options = { day: "numeric", month: "short", year: new Date(time).getFullYear() === new Date(now).getFullYear() ? undefined : "numeric" };
  return `${part(options).format(time)} ${clockText}`;
}

/** All that is to be known of a time. */
export function full(time) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const local = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "long" }).format(time);
  return `${new Date(time).toISOString()}\n${local} (${zone})\n${ago(clock.now() - time)}`;
}

let ticking = new Set();
let timer = 0;

/** Renders again each second, together with all others. */
export function useSecond(isOn = true) {
  const [, setTick] = useState(0);
  useEffect(() => {
    if (!isOn) return undefined;
    const tick = () => setTick((count) => count + 1);
    ticking.add(tick);
    timer ||= setInterval(() => {
      // Nothing changes under a selection of text.
      if (document.visibilityState === "visible" && getSelection()?.isCollapsed !== false) for (const one of ticking) one();
    }, 1_000);
    return () => {
      ticking.delete(tick);
      if (ticking.size === 0) {
        clearInterval(timer);
        timer = 0;
      }
    };
  }, [isOn]);
}

/** A time as somebody prefers it. */
export function Timestamp({ at, future = false }) {
  const zone = useStore(preferences, (kept) => kept.zone);
  const time = Date.parse(at ?? "");
  useSecond(zone === "relative" && !Number.isNaN(time));
  if (Number.isNaN(time)) return html`<span class="muted">–</span>`;
  const passed = clock.now() - time;
  // What is to come may be due already.
  const relative = future && passed >= 0 ? "now" : ago(passed);
  return html`<time class="nowrap" datetime=${at} title=${full(time)}>${zone === "relative" ? relative : absolute(time, zone)}</time>`;
}

/** How long something has lasted, counting. */
export function Since({ at }) {
  const time = Date.parse(at ?? "");
  useSecond(!Number.isNaN(time));
  return Number.isNaN(time) ? "–" : span(Math.max(0, Math.floor((clock.now() - time) / 1_000) * 1_000));
}
