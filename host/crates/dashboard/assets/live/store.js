// A value that components follow: what the host said last, a preference, who is signed in.

import { useEffect, useReducer, useRef } from "preact/hooks";

/**
 * @template T
 * @param {T} state
 */
export function createStore(state) {
  const followers = new Set();
  return {
    get: () => state,
    /** Merges members into the value and tells those who follow. @param {Partial<T>} patch */
    set(patch) {
      state = { ...state, ...patch };
      for (const follower of [...followers]) follower(state);
    },
    subscribe(follower) {
      followers.add(follower);
      return () => followers.delete(follower);
    },
  };
}

/**
 * Returns what `select` takes of a store, and renders again when that changes.
 * @template T, S
 * @param {{get: () => T, subscribe: (follower: (state: T) => void) => () => void}} store
 * @param {(state: T) => S} select
 * @returns {S}
 */
export function useStore(store, select = (state) => state) {
  const [, again] = useReducer((count) => count + 1, 0);
  const current = select(store.get());
  const last = useRef({ select, current });
  last.current = { select, current };
  useEffect(() => {
    const follow = (state) => {
      if (!Object.is(last.current.select(state), last.current.current)) again();
    };
    // It may have changed before the effect ran.
    follow(store.get());
    return store.subscribe(follow);
  }, [store]);
  return current;
}
