// Says by itself that a new version fails more often than the one before, by more than chance.

import { useLook, useTicks } from "../live/look.js";
import { Guest } from "../parts/guest.js";
import { html } from "../parts/html.js";
import { share } from "../parts/span.js";
import { Timestamp } from "../parts/timestamp.js";
import { link, toTask } from "../route/hash.js";
import * as routes from "../wire/routes.js";
import { compareShares } from "./statistics.js";
import { useOutcomes } from "./version-data.js";

/** Tasks that are looked at, at a time. */
const TASKS = 4;

function VersionAlert({ task, plugin }) {
  const tick = useTicks(5_000);
  const [now, before] = useLook(routes.plugin(plugin), tick).data?.versions ?? [];
  const other = useOutcomes(before && now.digest, tick);
  const one = useOutcomes(before?.digest, tick);
  if (!one || !other || one.of === 0 || other.of === 0 || compareShares(one, other) !== "more") return null;
  return html`<div class="message failure"><span aria-hidden="true" class="bad">▲</span>
    <span><a href=${toTask(task)}><${Guest} text=${task} /></a>: ${share(other.part, other.of)} of its jobs fail since version <code>${now.digest.slice(0, 8)}</code> arrived${" "}
      <${Timestamp} at=${now.at} /> (${share(one.part, one.of)} before)</span>
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
