// Who asks: the tokens that this tab knows, the one in use, and the tenant that an operator asks for. Tokens are kept for this
// tab, and beyond it only if somebody asks for that.

/** @typedef {{token: string, tenant: string|null, name?: string, role?: string, of?: string}} Identity */

const KEY = "saggar.identities";
const CURRENT = "saggar.current";

function read(storage, key) {
  try {
    return JSON.parse(storage.getItem(key) ?? "null");
  } catch {
    // Storage is off, or has something else.
    return null;
  }
}

function write(storage, key, value) {
  try {
    if (value === null) storage.removeItem(key);
    else storage.setItem(key, JSON.stringify(value));
  } catch {
    // Without storage, a reload asks again.
  }
}

const stores = () => [globalThis.sessionStorage, globalThis.localStorage].filter(Boolean);

/** @returns {Identity[]} */
export function identities() {
  const all = stores().flatMap((storage) => read(storage, KEY) ?? []);
  return all.filter((one, at) => all.findIndex((other) => other.token === one.token) === at);
}

/** What requests are sent with. */
export const session = {
  token: "",
  /** @type {string|null} */
  tenant: null,
  /** Grows with each change, so that answers for somebody else are dropped. */
  turn: 0,
};

/** Takes up what this tab had before it was reloaded. */
export function restore() {
  const current = read(stores()[0] ?? {}, CURRENT);
  if (current) Object.assign(session, { token: current.token ?? "", tenant: current.tenant ?? null });
  else session.token = identities()[0]?.token ?? "";
}

/**
 * Uses another token, and keeps it.
 * @param {string} token
 * @param {boolean} remember whether to keep it when the tab is closed
 */
export function use(token, remember = false) {
  Object.assign(session, { token, tenant: null, turn: session.turn + 1 });
  write(stores()[0], CURRENT, { token, tenant: null });
  if (!token) return;
  const storage = remember ? globalThis.localStorage : globalThis.sessionStorage;
  const others = (read(storage, KEY) ?? []).filter((one) => one.token !== token);
  write(storage, KEY, [...others, { token, tenant: null }]);
}

/** Says whose a token is, for the switcher. */
export function describe(token, { name, role, of }) {
  for (const storage of stores()) {
    const all = read(storage, KEY);
    if (!all?.some((one) => one.token === token)) continue;
    write(storage, KEY, all.map((one) => (one.token === token ? { ...one, name, role, of } : one)));
  }
}

/** Forgets a token everywhere. */
export function forget(token) {
  for (const storage of stores()) {
    write(storage, KEY, (read(storage, KEY) ?? []).filter((one) => one.token !== token));
  }
  if (session.token === token) use("");
}

/** As an operator: asks for a tenant from now on. */
export function chooseTenant(tenant) {
  Object.assign(session, { tenant, turn: session.turn + 1 });
  write(stores()[0], CURRENT, { token: session.token, tenant });
}
