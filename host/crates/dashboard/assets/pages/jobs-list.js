// The rows of the list of jobs: pages as one scrolls, fresh states of what is on the screen, and newer jobs, counted and held back:
// the list does not move by itself.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";

import { pulse } from "../live/pulse.js";
import { useStore } from "../live/store.js";
import { isMenuOpen } from "../parts/menu.js";
import { ask, isAborted } from "../wire/ask.js";
import * as routes from "../wire/routes.js";

const PAGE = 100;
const FRESH_MS = 1_000;
/** Pages without a row that are asked for by themselves: a filter may match rarely. */
const EMPTY_PAGES = 3;

export const keyOf = (job) => `${job.task}:${job.id}`;

/** Whether somebody is busy with what is on the screen. */
function isBusy() {
  return isMenuOpen() || getSelection()?.isCollapsed === false || Boolean(document.querySelector("dialog[open]"));
}

/**
 * Merges the newest page into rows: known rows are renewed in place, unknown ones before the first known are newer.
 * @param {any[]} rows
 * @param {any[]} page
 */
export function merge(rows, page) {
  const fresh = new Map(page.map((job) => [keyOf(job), job]));
  const known = new Set(rows.map(keyOf));
  const firstKnown = page.findIndex((job) => known.has(keyOf(job)));
  const newer = firstKnown < 0 ? (rows.length === 0 ? page : page.filter((job) => !known.has(keyOf(job)))) : page.slice(0, firstKnown);
  const renewed = rows.map((row) => (fresh.has(keyOf(row)) ? fresh.get(keyOf(row)) : row));
  return { rows: renewed, newer, isMore: firstKnown < 0 && rows.length > 0 };
}

/** Whether a row may still change. */
const isOpen = (job) => job.status === "WAITING" || job.status === "RUNNING";

/**
 * @param {{pairs: [string, string][], task: string|null, order: string, statuses: string[], hasIds: boolean, isValid: boolean,
 *   withArgs: boolean}} filter
 */
export function useJobs({ pairs, task, order, statuses, hasIds, isValid, withArgs }) {
  const [state, setState] = useState({ rows: [], next: null, isLoading: true, problem: null, lookedAt: 0, newer: [], isMore: false });
  const current = useRef(state);
  current.current = state;
  const control = useRef(new AbortController());
  const filterText = JSON.stringify([pairs, task, order, withArgs]);
  // The filter that the rows are of: a cursor of another one is of no use.
  const shown = useRef(filterText);
  const path = useCallback((more) => {
    const query = new URLSearchParams(pairs);
    query.set("limit", String(PAGE));
    if (order !== "newest") query.set("order", order);
    if (withArgs) query.set("fields", "args");
    for (const [key, value] of Object.entries(more ?? {})) query.set(key, value);
    return routes.jobs(query, task);
  }, [filterText]);
  const load = useCallback(async (after, isAnew) => {
    const { signal } = control.current;
    setState((before) => ({ ...before, isLoading: true, problem: null }));
    let [cursor, rows, lookedAt] = [after, [], 0];
    try {
      for (let turn = 0; turn < EMPTY_PAGES && rows.length === 0; turn += 1) {
        const { data } = await ask(path(cursor ? { after: cursor } : {}), { signal });
        rows = data.jobs;
        lookedAt += Number(data.looked_at ?? 0);
        cursor = data.next;
        if (!cursor) break;
      }
      if (signal.aborted) return;
      setState((before) => ({
        ...before,
        rows: isAnew ? rows : [...before.rows, ...rows],
        next: cursor,
        isLoading: false,
        lookedAt: (isAnew ? 0 : before.lookedAt) + lookedAt,
        newer: isAnew ? [] : before.newer,
        isMore: isAnew ? false : before.isMore,
        isStuck: rows.length === 0 && Boolean(cursor),
      }));
    } catch (problem) {
      if (!isAborted(problem)) setState((before) => ({ ...before, isLoading: false, problem }));
    }
  }, [path]);
  const again = useCallback(() => load(null, true), [load]);
  useEffect(() => {
    control.current = new AbortController();
    shown.current = filterText;
    setState({ rows: [], next: null, isLoading: isValid, problem: null, lookedAt: 0, newer: [], isMore: false });
    if (isValid) load(null, true);
    return () => control.current.abort();
  }, [filterText, isValid]);
  const isBack = useStore(pulse, ({ mode }) => mode === "live" || mode === "polling");
  useEffect(() => {
    // What failed while the host was away is asked for again by itself.
    if (isBack && current.current.problem?.passes) load(null, true);
  }, [isBack]);
  useFreshness({ current, setState, path, control, order, statuses, hasIds, isValid, withArgs });
  const more = useCallback(() => {
    const { next, isLoading, isStuck } = current.current;
    if (shown.current === filterText && next && !isLoading && !isStuck) load(next, false);
  }, [load, filterText]);
  const lookFurther = () => state.next && load(state.next, false);
  const showNewer = () => (state.isMore ? again() : setState((before) => ({ ...before, rows: [...before.newer, ...before.rows], newer: [] })));
  return { ...state, again, more, lookFurther, showNewer };
}

/** Renews what is on the screen, at most once a second and only if counts have changed. */
function useFreshness({ current, setState, path, control, order, statuses, hasIds, isValid, withArgs }) {
  useEffect(() => {
    if (!isValid) return undefined;
    let timer = 0;
    let isAsking = false;
    let version = pulse.get().version;
    const renew = async () => {
      timer = 0;
      if (isBusy() || isAsking || current.current.isLoading || pulse.get().version === version) return;
      version = pulse.get().version;
      isAsking = true;
      const { signal } = control.current;
      try {
        const { data } = await ask(path(), { signal, quiet: true });
        const byId = hasIds ? await renewById(current.current.rows, data.jobs, signal, withArgs) : null;
        if (isBusy() || signal.aborted) return;
        setState((before) => renewed(before, data.jobs, byId, { order, statuses, hasIds }));
      } catch {
        // The badge says that the host is away; the rows stay as they are.
      } finally {
        isAsking = false;
      }
    };
    const unsubscribe = pulse.subscribe(() => {
      if (pulse.get().version !== version) timer ||= setTimeout(renew, FRESH_MS);
    });
    return () => {
      unsubscribe();
      clearTimeout(timer);
    };
  }, [path, isValid, order, hasIds, statuses.join()]);
}

/** Asks for rows near the screen that may have changed and are not on the first page. */
async function renewById(rows, page, signal, withArgs) {
  const known = new Set(page.map(keyOf));
  const shown = new Set([...document.querySelectorAll("tr[data-row]")].map((row) => row.dataset.row));
  const asked = rows.filter((job) => isOpen(job) && !known.has(keyOf(job)) && shown.has(keyOf(job))).slice(0, 200);
  if (asked.length === 0) return { asked: new Set(), found: new Map() };
  const { data } = await ask(routes.jobs({ ids: asked.map(keyOf).join(","), limit: asked.length, fields: withArgs ? "args" : null }), { signal, quiet: true });
  return { asked: new Set(asked.map(keyOf)), found: new Map(data.jobs.map((job) => [keyOf(job), job])) };
}

function renewed(before, page, byId, { order, statuses, hasIds }) {
  const merged = merge(before.rows, page);
  const inPage = new Set(page.map(keyOf));
  const lastSeen = page.length > 0 ? before.rows.findIndex((job) => keyOf(job) === keyOf(page.at(-1))) : before.rows.length;
  const rows = merged.rows.map((job, at) => {
    const key = keyOf(job);
    const other = byId?.found.get(key);
    if (other) return { ...other, isGone: statuses.length > 0 && !statuses.includes(other.status) };
    if (byId?.asked.has(key)) return { ...job, isGone: true };
    // It should be on the first page, and is not: it does not match any more.
    const isMissing = !hasIds && order === "newest" && at <= lastSeen && !inPage.has(key) && isOpen(job);
    return isMissing ? { ...job, isGone: true } : job;
  });
  return { ...before, rows, newer: order === "newest" ? merged.newer : [], isMore: merged.isMore };
}
