// The dashboard's start: who asks, which page, and the keys that act everywhere. The one place that knows all pages.

import { render } from "preact";
import { useErrorBoundary, useEffect, useState } from "preact/hooks";

import { account, signIn } from "./live/account.js";
import { applyPreferences, cycle, preferences } from "./live/preferences.js";
import { pause, pulse, startPulse } from "./live/pulse.js";
import { useStore } from "./live/store.js";
import { watchTabs } from "./live/tabs.js";
import { watchVisibility } from "./live/visibility.js";
import { Empty, Failed, Skeleton } from "./parts/empty.js";
import { Guest } from "./parts/guest.js";
import { html } from "./parts/html.js";
import { listenToKeys, useKeys } from "./parts/keys.js";
import { Shell } from "./parts/shell.js";
import { toast } from "./parts/toast.js";
import { go, link, takeToken, useRoute } from "./route/hash.js";
import { address } from "./wire/ask.js";
import { restore, session, use } from "./wire/session.js";

/** The pages by the shape of their path; `:` stands for any part. */
const PAGES = [
  ["", "Overview", () => import("./pages/overview.js")],
  ["tasks/:", "Task", () => import("./pages/task.js")],
  ["tasks/:/new", "New job", () => import("./pages/new-job.js")],
  ["tasks/:/jobs/:", "Job", () => import("./pages/job/page.js")],
  ["tasks/:/jobs/:/again", "Run again", () => import("./pages/run-again.js")],
  ["jobs", "Jobs", () => import("./pages/jobs.js")],
  ["new", "New job", () => import("./pages/new-job.js")],
  ["failures", "Failures", () => import("./pages/failures.js")],
  ["flame", "Flame", () => import("./pages/flame.js")],
  ["plugins", "Plugins", () => import("./pages/plugins.js")],
  ["plugins/:", "Plugin", () => import("./pages/plugin.js")],
  ["compare", "Compare", () => import("./pages/compare.js")],
  ["events", "Events", () => import("./pages/events.js")],
  ["audit", "Audit", () => import("./pages/audit.js")],
  ["tenants", "Tenants", () => import("./pages/tenants.js")],
  ["host", "Host", () => import("./pages/host.js")],
  ["settings", "Settings", () => import("./pages/settings.js")],
];

/** Pages that need no tenant. */
const OF_HOST = new Set(["tenants", "settings", "host", "audit"]);

function pageOf(path) {
  const fits = ([shape]) => {
    const parts = shape.split("/").filter(Boolean);
    return parts.length === path.length && parts.every((part, at) => part === ":" || part === path[at]);
  };
  return PAGES.find(fits) ?? null;
}

/** A page, when its module has been loaded. */
function Page({ load, path, query, turn }) {
  const [module, setModule] = useState(null);
  const [problem, setProblem] = useState(null);
  const [error, reset] = useErrorBoundary();
  useEffect(() => {
    let isWanted = true;
    load().then(
      (loaded) => isWanted && setModule({ load, Body: loaded.default }),
      () => isWanted && setProblem({ code: "not-loaded", detail: "this part of the dashboard cannot be loaded; the host may have a newer one" }),
    );
    return () => {
      isWanted = false;
    };
  }, [load]);
  if (error) {
    return html`<h1 tabindex="-1">This page has failed</h1>
      <p class="bad"><${Guest} text=${String(error?.message ?? error)} /></p><button type="button" onClick=${reset}>Try again</button>`;
  }
  if (problem) return html`<h1 tabindex="-1">Not loaded</h1><${Failed} problem=${problem} again=${() => location.reload()} what="The page" />`;
  if (module?.load !== load) return html`<${Skeleton} rows=${6} />`;
  // Another token's page begins anew.
  return html`<${module.Body} key=${`${turn} ${path.join("/")}`} path=${path} query=${query} />`;
}

/** A part that is loaded when it is shown for the first time. */
function Late({ load, name, ...props }) {
  const [Part, setPart] = useState(null);
  useEffect(() => {
    load().then((loaded) => setPart(() => loaded[name]), () => toast("A part of the dashboard cannot be loaded; reload the page", "failure"));
  }, []);
  return Part && html`<${Part} ...${props} />`;
}

/** Goes to the list of jobs, and into its filter when it is there. */
function filterJobs() {
  go(link(["jobs"]));
  let tries = 0;
  const timer = setInterval(() => {
    const field = document.getElementById("filter");
    tries += 1;
    field?.focus();
    if (field || tries > 20) clearInterval(timer);
  }, 50);
}

function useGlobalKeys(setHelp) {
  const to = (path) => () => go(link(path));
  useKeys({
    "g o": { means: "go to the overview", run: to([]) },
    "g j": { means: "go to jobs", run: to(["jobs"]) },
    "g f": { means: "go to failures", run: to(["failures"]) },
    "g p": { means: "go to plugins", run: to(["plugins"]) },
    "g h": { means: "go to the host", run: to(["host"]) },
    "/": { means: "filter jobs", run: filterJobs },
    n: { means: "new job", run: to(["new"]) },
    p: { means: "pause or resume updates", run: () => pause() },
    t: { means: "theme: system, light, dark", run: () => toast(`Theme: ${cycle("theme", ["system", "light", "dark"])}`) },
    z: { means: "times: relative, local, UTC", run: () => toast(`Times: ${cycle("zone", ["relative", "local", "UTC"])}`) },
    "?": { means: "this help", run: () => setHelp(true) },
  });
}

/** Asks now and then whether the host has another dashboard. */
function useBuild() {
  const mode = useStore(pulse, (state) => state.mode);
  const [isNewer, setNewer] = useState(false);
  useEffect(() => {
    if (mode !== "live" && mode !== "polling") return;
    fetch(address("./"), { headers: { accept: "text/html" }, cache: "no-cache", credentials: "same-origin" })
      .then((response) => (response.ok ? response.text() : ""))
      .then((text) => {
        const found = /name="saggar-build" content="([^"]*)"/.exec(text)?.[1];
        const own = document.querySelector("meta[name=saggar-build]")?.content;
        if (found && own && found !== own) setNewer(true);
      })
      .catch(() => {});
  }, [mode]);
  return isNewer;
}

function App() {
  const { path, query } = useRoute();
  const { state, me, problem, restarted } = useStore(account);
  const [help, setHelp] = useState(false);
  const isNewer = useBuild();
  useGlobalKeys(setHelp);
  useEffect(() => {
    if (restarted) toast("The host was started anew: rates and what is remembered begin again");
  }, [restarted, me?.host?.instance]);
  const page = pageOf(path);
  const needsTenant = state === "ready" && !me?.tenant && !OF_HOST.has(path[0]);
  const [, title, load] = needsTenant ? pageOf(["tenants"]) : page ?? ["", "Not found", null];
  const body = () => {
    if (state === "unreachable") return html`<h1 tabindex="-1">The host does not answer</h1><${Failed} problem=${problem} again=${signIn} what="This" />`;
    if (!me) return html`<${Skeleton} rows=${6} />`;
    if (!load) return html`<h1 tabindex="-1">Not found</h1><${Empty} title="There is no such page"><p><a href="#/">Overview</a></p><//>`;
    return html`<${Page} key=${path.join("/")} load=${load} path=${path} query=${query} turn=${session.turn} />`;
  };
  return html`
    <${Shell} path=${path} title=${title} onSignIn=${signIn} onHelp=${() => setHelp(true)}>
      ${isNewer && html`<div class="message"><span>A newer dashboard is there.</span><button type="button" class="push" onClick=${() => location.reload()}>Reload</button></div>`}
      ${body()}
    <//>
    ${state === "signed-out" && html`<${Late} load=${() => import("./parts/sign-in.js")} name="SignIn" />`}
    ${help && html`<${Late} load=${() => import("./parts/help.js")} name="Help" onClose=${() => setHelp(false)} />`}
  `;
}

applyPreferences();
preferences.subscribe(applyPreferences);
restore();
const token = takeToken();
if (token) use(token);
watchVisibility();
watchTabs();
listenToKeys();
startPulse();
signIn();
addEventListener("hashchange", () => {
  const given = takeToken();
  if (given) {
    use(given);
    signIn();
  }
});
const app = document.getElementById("app");
app.replaceChildren();
render(html`<${App} />`, app);
