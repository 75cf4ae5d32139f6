// Where the page is: the part of the address after `#`. Proxies never see it, so any base path works.

import { useEffect, useState } from "preact/hooks";

/** @typedef {{path: string[], query: URLSearchParams}} Route */

/**
 * Reads the part of an address after `#`, such as `#/jobs?q=task:mail.send`.
 * @param {string} hash
 * @returns {Route}
 */
export function parseHash(hash) {
  const text = hash.replace(/^#\/?/, "");
  const [path, query = ""] = text.split(/\?(.*)/s);
  return { path: path.split("/").filter(Boolean).map(decoded), query: new URLSearchParams(query) };
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/**
 * Writes a link to a place.
 * @param {(string|number|object)[]} path
 * @param {Record<string, any>|URLSearchParams} query
 */
export function link(path, query = {}) {
  const all = query instanceof URLSearchParams ? query : new URLSearchParams();
  if (!(query instanceof URLSearchParams)) {
    for (const [key, value] of Object.entries(query)) {
      if (value !== undefined && value !== null && value !== "") all.set(key, String(value));
    }
  }
  const text = all.toString();
  return `#/${path.map((part) => encodeURIComponent(String(part))).join("/")}${text ? `?${text}` : ""}`;
}

export const toJob = (job) => link(["tasks", job.task, "jobs", job.id]);
export const toTask = (id) => link(["tasks", id]);
export const toPlugin = (name) => link(["plugins", name]);
/** A list of jobs by a filter. */
export const toJobs = (q) => link(["jobs"], { q });

/** Goes to a place; `replace` leaves no entry to go back to. */
export function go(to, replace = false) {
  if (replace) {
    history.replaceState(null, "", to);
    dispatchEvent(new HashChangeEvent("hashchange"));
  } else {
    location.hash = to;
  }
}

/** Returns where the page is, and renders again when that changes. */
export function useRoute() {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const follow = () => setHash(location.hash);
    addEventListener("hashchange", follow);
    follow();
    return () => removeEventListener("hashchange", follow);
  }, []);
  return parseHash(hash);
}

/** Takes a token out of the address `#token=…`; a fragment never reaches a server. */
export function takeToken() {
  const found = /^#\/?(?:\?)?token=([^&]+)/.exec(location.hash);
  if (!found) return null;
  history.replaceState(null, "", `${location.pathname}${location.search}#/`);
  return decoded(found[1]);
}
