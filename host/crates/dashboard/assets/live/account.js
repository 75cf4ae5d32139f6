// Who is signed in, what the host allows and has: the answer of `/v1/me`.

import { ask, isAborted, onSignedOut, setClock } from "../wire/ask.js";
import * as routes from "../wire/routes.js";
import { describe, session } from "../wire/session.js";
import { createStore } from "./store.js";

const ROLES = ["read", "write", "admin", "operator"];

/** Routes by which a feature is known if the host does not list its features. */
const SIGNS = {
  pulse: "/v1/pulse",
  series: "/v1/series",
  bulk: "/v1/jobs/retry",
  count: "/v1/jobs/count",
  failures: "/v1/failures",
  flame: "/v1/failures/flame",
  plugins: "/v1/plugins",
  problems: "/v1/problems",
  slots: "/v1/tasks/{task}/slots",
  feed: "/v1/tasks/{task}/jobs/{id}/feed",
  attempt: "/v1/tasks/{task}/jobs/{id}/attempts/{run}",
  again: "/v1/tasks/{task}/jobs/{id}/again",
  audit: "/v1/audit",
  tenants: "/v1/tenants",
  deployments: "/v1/deployments",
};

export const account = createStore({
  /** @type {"starting"|"ready"|"signed-out"|"unreachable"} */
  state: "starting",
  me: null,
  features: new Set(),
  /** Whether it is known which features the host does not have. */
  isKnown: false,
  /** Why nobody is signed in, or why the host does not answer. */
  problem: null,
  /** Whether the host was started anew since the page was loaded. */
  restarted: false,
});

let byDocument = { instance: null, has: [] };

/** Returns what the host says that it can do. */
function listed(me) {
  return [...(me.features ?? []), ...(me.host?.features ?? [])];
}

/** Adds what the API's document has: a host may not list all of its features. */
async function readDocument(me) {
  const instance = me.host?.instance ?? "";
  if (byDocument.instance !== instance) {
    const { data } = await ask(routes.openApi(), { quiet: true });
    const paths = data?.paths ?? {};
    const signs = Object.entries(SIGNS).filter(([, path]) => path in paths).map(([name]) => name);
    const list = paths["/v1/jobs"]?.get?.parameters ?? [];
    // Filters that lists of jobs take, such as `filter:reason`.
    const filters = list.filter(({ in: place }) => place === "query").map(({ name }) => `filter:${name}`);
    const ofJob = paths["/v1/tasks/{task}/jobs/{id}"]?.get?.parameters ?? [];
    const explains = ofJob.some(({ name }) => name === "explain") ? ["explain"] : [];
    byDocument = { instance, has: [...signs, ...filters, ...explains] };
  }
  account.set({ features: new Set([...listed(me), ...byDocument.has]), isKnown: true });
}

/** Asks who this is. Resolves when the store has the answer. */
export async function signIn() {
  const sent = Date.now();
  try {
    const { data } = await ask(routes.me());
    setClock(data.now, sent, Date.now());
    const before = account.get().me;
    const restarted = Boolean(before?.host?.instance && before.host.instance !== data.host?.instance);
    if (session.token) describe(session.token, { name: data.token, role: data.role, of: data.tenant });
    const isSame = byDocument.instance === (data.host?.instance ?? "");
    const features = new Set([...listed(data), ...(isSame ? byDocument.has : [])]);
    account.set({ state: "ready", me: data, features, problem: null, restarted });
    // The page does not wait for it; without it, the page does with less.
    readDocument(data).catch((problem) => isAborted(problem) || account.set({ isKnown: true }));
  } catch (problem) {
    if (isAborted(problem) || problem.status === 401) return;
    account.set({ state: account.get().me ? "ready" : "unreachable", problem });
  }
}

onSignedOut((problem) => account.set({ state: "signed-out", problem }));

/** Returns whether the caller has a role. */
export function may(role, me = account.get().me) {
  return ROLES.indexOf(me?.role ?? "") >= ROLES.indexOf(role);
}

/** Returns why a role does not suffice; null if it does. */
export function whyNot(role, me = account.get().me) {
  return may(role, me) ? null : `needs \`${role}\`; this token has \`${me?.role ?? "none"}\``;
}

export function has(feature) {
  return account.get().features.has(feature);
}
