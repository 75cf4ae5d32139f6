// The frame around all pages: who asks and how fresh it is above, the places on the left or below, messages over everything.

import { useEffect, useRef } from "preact/hooks";

import { account, has, may } from "../live/account.js";
import { pulse } from "../live/pulse.js";
import { useStore } from "../live/store.js";
import { go, link } from "../route/hash.js";
import { forget, identities, session, use } from "../wire/session.js";
import { Questions } from "./dialog.js";
import { html } from "./html.js";
import { Clock, LiveBadge } from "./live-badge.js";
import { Menu } from "./menu.js";
import { short } from "./span.js";
import { Toasts } from "./toast.js";

/** The places, and the feature or role that each needs. */
const PLACES = [
  { path: [], name: "Overview" },
  { path: ["jobs"], name: "Jobs", count: (sums) => sums.waiting + sums.running },
  { path: ["failures"], name: "Failures", needs: "failures" },
  { path: ["plugins"], name: "Plugins" },
  { path: ["events"], name: "Events" },
  { path: ["audit"], name: "Audit", role: "admin", needs: "audit" },
  { path: ["tenants"], name: "Tenants", role: "operator", isOfHost: true },
  { path: ["host"], name: "Host" },
  { path: ["settings"], name: "Settings" },
];

/** Returns one of eight colours for a tenant, always the same. */
export function tenantColour(name) {
  let hash = 0;
  for (const letter of name ?? "") hash = (hash * 31 + letter.codePointAt(0)) >>> 0;
  return (hash % 8) + 1;
}

function isThere({ needs, role, isOfHost }, { me, features }) {
  if (role && !may(role, me)) return false;
  if (isOfHost && !me.host?.tenants) return false;
  return !needs || features.has(needs);
}

function Places({ path, state }) {
  const tasks = useStore(pulse, ({ tasks }) => tasks);
  const sums = { waiting: 0, running: 0 };
  for (const { counts } of tasks.values()) {
    sums.waiting += Number(counts?.waiting ?? 0);
    sums.running += Number(counts?.running ?? 0);
  }
  const here = path[0] === "tasks" && path[2] === "jobs" ? "jobs" : path[0] === "tasks" || path.length === 0 ? "" : path[0];
  return html`<nav class="nav" aria-label="Places"><ul>
    ${PLACES.filter((place) => isThere(place, state)).map((place) => html`<li key=${place.name}>
      <a href=${link(place.path)} aria-current=${(place.path[0] ?? "") === here ? "page" : undefined}>
        ${place.name}${place.count && place.count(sums) > 0 && html`<span class="count" aria-label="not ended">${short(place.count(sums))}</span>`}
      </a>
    </li>`)}
  </ul></nav>`;
}

function Account({ me, onSignIn }) {
  const others = identities().filter(({ token }) => token !== session.token);
  const switchTo = (token) => () => {
    use(token);
    onSignIn();
  };
  const leave = () => {
    forget(session.token);
    onSignIn();
  };
  const items = [
    ...others.map(({ token, name, role, of }) => ({ text: `${name ?? "another token"} (${[of, role].filter(Boolean).join(", ") || "not used yet"})`, run: switchTo(token) })),
    { text: "Use another token…", run: () => account.set({ state: "signed-out", problem: null }) },
    { text: "Settings", run: () => go(link(["settings"])) },
    ...(session.token ? [{ text: "Forget this token", run: leave }] : []),
  ];
  return html`<${Menu} label="Account" items=${items}>${me.token ?? (me.open ? "open host" : "token")} (${me.role}) ▾<//>`;
}

/** @param {{path: string[], title: string, onSignIn: () => void, onHelp: () => void}} props */
export function Shell({ path, title, onSignIn, onHelp, children }) {
  const state = useStore(account);
  const mode = useStore(pulse, (state) => state.mode);
  const main = useRef(null);
  const place = path.join("/");
  const { me } = state;
  const tenant = me?.tenant && me.tenant !== "default" ? me.tenant : null;
  useEffect(() => {
    document.title = [title, tenant, "Saggar"].filter(Boolean).join(" · ");
  }, [title, tenant]);
  useEffect(() => {
    // Whoever follows a link by the keyboard is at the beginning of the new page.
    if (document.activeElement === document.body || document.activeElement?.closest(".nav")) main.current?.querySelector("h1")?.focus();
    scrollTo(0, 0);
  }, [place]);
  if (!me) return html`<main class="main" id="main">${children}</main><${Questions} /><${Toasts} />`;
  return html`
    <a class="button skip" href=${location.hash || "#/"} onClick=${(event) => {
      event.preventDefault();
      main.current.focus();
    }}>Skip to the page</a>
    <div class="shell ${mode === "away" || mode === "paused" ? "stale" : ""}">
      <header class="top ${tenant ? `tenant-${tenantColour(tenant)}` : ""}">
        <a class="brand" href="#/"><span class="dot" aria-hidden="true"></span>Saggar</a>
        ${tenant && html`<span class="muted" aria-hidden="true">▸</span><strong><bdi>${tenant}</bdi></strong>`}
        <span class="push row"><${LiveBadge} /><${Clock} /></span>
        <${Account} me=${me} onSignIn=${onSignIn} />
        <button type="button" class="plain" aria-label="Help and keys" title="Help and keys (?)" onClick=${onHelp}>?</button>
      </header>
      <${Places} path=${path} state=${state} />
      <main class="main" id="main" ref=${main} tabindex="-1">${children}</main>
    </div>
    <${Questions} /><${Toasts} />
  `;
}
