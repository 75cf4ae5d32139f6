// URL and URLSearchParams by the WHATWG's standard; parsing is the host function's.
(function (native) {
  'use strict';
  const { defineProperty, getOwnPropertyNames } = Object;
  const NativeTypeError = TypeError;
  const Decoder = TextDecoder;
  const Bytes = Uint8Array;
  const iterator = Symbol.iterator;

  // application/x-www-form-urlencoded: everything but A-Z a-z 0-9 * - . _ is escaped, a space is `+`.
  function escapeForm(text) {
    const bytes = native.encode(text);
    let escaped = '';
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i];
      const isPlain = (byte >= 48 && byte <= 57) || (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122) || byte === 42 || byte === 45 || byte === 46 || byte === 95;
      if (isPlain) escaped += String.fromCharCode(byte);
      else if (byte === 32) escaped += '+';
      else escaped += '%' + (byte + 256).toString(16).slice(1).toUpperCase();
    }
    return escaped;
  }

  const digit = (byte) => (byte >= 48 && byte <= 57 ? byte - 48 : byte >= 65 && byte <= 70 ? byte - 55 : byte >= 97 && byte <= 102 ? byte - 87 : -1);

  function unescapeForm(text) {
    const bytes = native.encode(text);
    const plain = new Bytes(bytes.length);
    let length = 0;
    for (let i = 0; i < bytes.length; i++) {
      let byte = bytes[i];
      if (byte === 43) byte = 32;
      else if (byte === 37 && i + 2 < bytes.length && digit(bytes[i + 1]) >= 0 && digit(bytes[i + 2]) >= 0) {
        byte = digit(bytes[i + 1]) * 16 + digit(bytes[i + 2]);
        i += 2;
      }
      plain[length++] = byte;
    }
    return new Decoder('utf-8', { ignoreBOM: true }).decode(plain.subarray(0, length));
  }

  function parseForm(text) {
    const pairs = [];
    for (const part of text.split('&')) {
      if (part === '') continue;
      const at = part.indexOf('=');
      pairs.push(at < 0 ? [unescapeForm(part), ''] : [unescapeForm(part.slice(0, at)), unescapeForm(part.slice(at + 1))]);
    }
    return pairs;
  }

  let pairsOf, follow;

  class URLSearchParams {
    #pairs = [];
    #changed;
    static {
      // A URL replaces its parameters when its `search` changes, and follows when they change.
      pairsOf = (params, pairs) => (params.#pairs = pairs);
      follow = (params, changed) => (params.#changed = changed);
    }
    constructor(init = '') {
      if (init !== null && typeof init === 'object') {
        if (typeof init[iterator] === 'function') {
          for (const pair of init) {
            const both = [...pair];
            if (both.length !== 2) throw new NativeTypeError('URLSearchParams: each pair has a name and a value');
            this.#pairs.push([`${both[0]}`, `${both[1]}`]);
          }
        } else {
          for (const name of getOwnPropertyNames(init)) this.#pairs.push([name, `${init[name]}`]);
        }
      } else {
        const text = `${init}`;
        this.#pairs = parseForm(text.startsWith('?') ? text.slice(1) : text);
      }
    }
    get size() {
      return this.#pairs.length;
    }
    append(name, value) {
      this.#pairs.push([`${name}`, `${value}`]);
      this.#changed?.();
    }
    delete(name, value) {
      this.#pairs = this.#pairs.filter((pair) => pair[0] !== `${name}` || (value !== undefined && pair[1] !== `${value}`));
      this.#changed?.();
    }
    get(name) {
      return this.#pairs.find((pair) => pair[0] === `${name}`)?.[1] ?? null;
    }
    getAll(name) {
      return this.#pairs.filter((pair) => pair[0] === `${name}`).map((pair) => pair[1]);
    }
    has(name, value) {
      return this.#pairs.some((pair) => pair[0] === `${name}` && (value === undefined || pair[1] === `${value}`));
    }
    set(name, value) {
      const first = this.#pairs.find((pair) => pair[0] === `${name}`);
      if (first === undefined) this.#pairs.push([`${name}`, `${value}`]);
      else {
        first[1] = `${value}`;
        this.#pairs = this.#pairs.filter((pair) => pair === first || pair[0] !== `${name}`);
      }
      this.#changed?.();
    }
    sort() {
      this.#pairs.sort((one, other) => (one[0] < other[0] ? -1 : one[0] > other[0] ? 1 : 0));
      this.#changed?.();
    }
    forEach(visit, self) {
      for (const pair of this.#pairs) visit.call(self, pair[1], pair[0], this);
    }
    *entries() {
      for (const pair of this.#pairs) yield [pair[0], pair[1]];
    }
    *keys() {
      for (const pair of this.#pairs) yield pair[0];
    }
    *values() {
      for (const pair of this.#pairs) yield pair[1];
    }
    [iterator]() {
      return this.entries();
    }
    toString() {
      return this.#pairs.map((pair) => `${escapeForm(pair[0])}=${escapeForm(pair[1])}`).join('&');
    }
  }

  const PARTS = ['href', 'protocol', 'username', 'password', 'host', 'hostname', 'port', 'pathname', 'search', 'hash', 'origin'];
  const SEARCH = PARTS.indexOf('search');
  let partOf, change;

  class URL {
    #parts;
    #params;
    static {
      partOf = (url, index) => url.#parts[index];
      change = (url, name, value) => url.#change(name, value);
    }
    constructor(text, base) {
      this.#parts = native.parseUrl(`${text}`, base === undefined ? undefined : `${base}`);
      if (this.#parts === null) {
        throw new NativeTypeError(`URL: '${text}' is not a URL${base === undefined ? '' : ` with the base '${base}'`}`);
      }
    }
    static canParse(text, base) {
      return native.parseUrl(`${text}`, base === undefined ? undefined : `${base}`) !== null;
    }
    static parse(text, base) {
      return URL.canParse(text, base) ? new URL(text, base) : null;
    }
    #change(name, value) {
      if (name === 'href') {
        const parts = native.parseUrl(value, undefined);
        if (parts === null) throw new NativeTypeError(`URL: '${value}' is not a URL`);
        this.#parts = parts;
      } else {
        this.#parts = native.changeUrl(this.#parts[0], name, value);
      }
      if (this.#params !== undefined && (name === 'href' || name === 'search')) {
        pairsOf(this.#params, parseForm(this.#parts[SEARCH].slice(1)));
      }
    }
    get searchParams() {
      if (this.#params === undefined) {
        const params = new URLSearchParams(this.#parts[SEARCH]);
        follow(params, () => (this.#parts = native.changeUrl(this.#parts[0], 'search', params.toString())));
        this.#params = params;
      }
      return this.#params;
    }
    toString() {
      return this.#parts[0];
    }
    toJSON() {
      return this.#parts[0];
    }
  }
  PARTS.forEach((name, index) => {
    defineProperty(URL.prototype, name, {
      get() {
        return partOf(this, index);
      },
      set:
        name === 'origin'
          ? undefined
          : function (value) {
              change(this, name, `${value}`);
            },
      enumerable: true,
      configurable: true,
    });
  });

  for (const one of [URL, URLSearchParams]) {
    defineProperty(one.prototype, Symbol.toStringTag, { value: one.name, configurable: true });
    defineProperty(globalThis, one.name, { value: one, writable: true, configurable: true, enumerable: false });
  }
});
