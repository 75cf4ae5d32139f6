// How fresh the figures are, always in words: `live`, `every 2 s`, `paused`, `away since 12:03`.

import { account, has } from "../live/account.js";
import { preferences } from "../live/preferences.js";
import { pause, pulse } from "../live/pulse.js";
import { useStore } from "../live/store.js";
import { clock } from "../wire/ask.js";
import { html } from "./html.js";
import { absolute, full, useSecond } from "./timestamp.js";
import { span } from "./span.js";

/** Milliseconds of a difference between the clocks that people should know of. */
const SKEW_MS = 5_000;

export function LiveBadge() {
  const mode = useStore(pulse, (state) => state.mode);
  const at = useStore(pulse, (state) => (state.mode === "away" || state.mode === "paused" ? state.at : null));
  const { pollSeconds, zone } = useStore(preferences);
  const texts = {
    starting: ["…", ""],
    live: ["live", "is-live"],
    polling: [`every ${pollSeconds} s`, "is-live"],
    paused: [at ? `paused at ${absolute(at, zone)}` : "paused", "is-paused"],
    away: [at ? `away since ${absolute(at, zone)}` : "the host does not answer", "is-away"],
    asleep: ["this page", "is-live"],
  };
  const [text, kind] = texts[mode];
  const why = mode === "polling" && has("pulse") && preferences.get().streams ? "Asked again and again: there is no connection left for a stream, or something between buffers it" : "";
  return html`<span class="live ${kind}" role="status" title=${why}>${text}</span>
    <button type="button" class="plain" aria-pressed=${mode === "paused"} aria-label="Pause updates" title="Pause updates (p)" onClick=${() => pause()}>❚❚</button>`;
}

/** The host's time, and how far off this machine's clock is. */
export function Clock() {
  useSecond();
  const zone = useStore(preferences, (kept) => kept.zone);
  const isReady = useStore(account, ({ state }) => state === "ready");
  if (!isReady) return null;
  const now = clock.now();
  const name = zone === "relative" || zone === "local" ? "" : ` ${zone}`;
  const off = Math.abs(clock.skew) > SKEW_MS;
  return html`<time class="muted nowrap" title=${full(now)} datetime=${new Date(now).toISOString()}>${absolute(now, zone === "relative" ? "local" : zone)}${name}</time>
    ${off && html`<span class="warn nowrap">this clock is ${span(Math.abs(clock.skew))} ${clock.skew > 0 ? "slow" : "fast"}</span>`}`;
}
