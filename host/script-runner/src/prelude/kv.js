// KV: the tenant's key-value store. Values are JSON, as in the SDKs for other languages.
(function (native) {
  'use strict';
  const { defineProperty, freeze } = Object;
  const { parse, stringify } = JSON;
  const NativeError = Error;
  const NativeTypeError = TypeError;
  const PAGE = 1000;

  function fromJson(key, json) {
    try {
      return parse(json);
    } catch (cause) {
      const error = new NativeError(`the value of the key \`${key}\` is not JSON: ${cause.message}`, { cause });
      defineProperty(error, 'code', { value: 'invalid-value', writable: true, configurable: true, enumerable: false });
      throw error;
    }
  }

  function toJson(value) {
    const json = stringify(value);
    if (json === undefined) throw new NativeTypeError(`a value of KV is JSON, not ${native.inspect(value)}`);
    return json;
  }

  function entry(key) {
    const found = native.kvGet(key);
    return found === undefined ? undefined : { value: fromJson(key, found[0]), version: found[1], expiresInMs: found[2] ?? null };
  }

  const KV = freeze({
    get: (key) => entry(key)?.value,
    entry,
    set: (key, value, options) => native.kvSet(key, toJson(value), options?.ttlMs),
    swap: (key, version, value, options) => native.kvSwap(key, version, toJson(value), options?.ttlMs),
    update(key, change, options) {
      for (;;) {
        const found = entry(key);
        const value = change(found?.value);
        if (native.kvSwap(key, found?.version, toJson(value), options?.ttlMs) !== null) return value;
      }
    },
    increment: (key, by = 1, options) => native.kvIncrement(key, by, options?.ttlMs),
    remove: (key, options) => native.kvRemove(key, options?.version),
    keys: (prefix = '') => native.kvKeys(prefix),
    page(prefix = '', options) {
      const found = native.kvPage(prefix, options?.after, options?.limit ?? PAGE);
      return { keys: found[0], next: found[1] };
    },
  });
  defineProperty(globalThis, 'KV', { value: KV, writable: true, configurable: true, enumerable: false });
});
