// The hooks of `register.mjs`.

const ASSETS = new URL("../../../host/crates/dashboard/assets/", import.meta.url);

const NAMES = {
  preact: "vendor/preact.mjs",
  "preact/hooks": "vendor/preact-hooks.mjs",
  htm: "vendor/htm.mjs",
};

export function resolve(name, context, next) {
  if (name in NAMES) return { url: new URL(NAMES[name], ASSETS).href, shortCircuit: true };
  if (name.startsWith("assets:")) return { url: new URL(name.slice("assets:".length), ASSETS).href, shortCircuit: true };
  return next(name, context);
}

export function load(url, context, next) {
  return url.startsWith(ASSETS.href) ? next(url, { ...context, format: "module" }) : next(url, context);
}
