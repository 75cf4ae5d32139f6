// Says by itself that a new version fails more often than the one before, by more than chance.

import { useLook, useTicks } from "../live/look.js";
import { Guest } from "../parts/guest.js";
import { html } from "../parts/html.js";
import { share } from "../parts/span.js";
import { Timestamp } from "../parts/timestamp.js";
import { link, toTask } from "../route/hash.js";
import * as routes from "../wire/routes.js";
import { compareShares, failed } from "./statistics.js";

/** Tasks that are looked at, at a time. */
const TASKS = 4;

/**
 * Returns the newest version and the one before, if it fails more often by more than chance.
 * @param {any[]} versions
 */
export function worse(versions) {
  const [now, before] = [...(versions ?? [])].sort((one, other) => (one.first_at < other.first_at ? 1 : -1));
  if (!now || !before) return null;
  const [one, other] = [failed(before), failed(now)];
  return one.of > 0 && other.of > 0 && compareShares(one, other) === "more" ? { now, before, shares: [one, other] } : null;
}

function VersionAlert({ task, plugin }) {
  const tick = useTicks(5_000);
  const { data } = useLook(routes.plugin(plugin), tick);
  const found = worse(data?.versions);
  if (!found) return null;
  const { now, before, shares: [one, other] } = found;
  return html`<div class="message failure"><span aria-hidden="true" class="bad">▲</span>
    <span><a href=${toTask(task)}><${Guest} text=${task} /></a>: ${share(other.part, other.of)} of attempts fail since version <code>${now.digest.slice(0, 8)}</code> arrived
      <${Timestamp} at=${now.first_at} /> (${share(one.part, one.of)} before)</span>
    <a class="push" href=${link(["compare"], { plugin, a: before.digest, b: now.digest })}>compare</a></div>`;
}

/** @param {{tasks: string[]}} props tasks of which many attempts fail lately */
export function VersionAlerts({ tasks }) {
  const { data } = useLook(routes.plugins());
  const found = tasks.slice(0, TASKS).map((task) => {
    const of = (data?.plugins ?? []).filter((plugin) => (plugin.tasks ?? []).includes(task));
    return { task, plugin: (of.find(({ roles }) => roles?.includes("processor")) ?? of[0])?.name };
  });
  return html`${found.filter(({ plugin }) => plugin).map(({ task, plugin }) => html`<${VersionAlert} key=${task} task=${task} plugin=${plugin} />`)}`;
}
