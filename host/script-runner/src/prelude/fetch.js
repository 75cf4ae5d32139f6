// fetch, Headers and Response, as far as scripts need them: a request goes out as a whole, and its response comes back as a whole.
(function (native) {
  'use strict';
  const { defineProperty, keys } = Object;
  const { isArray } = Array;
  const { isView } = ArrayBuffer;
  const { parse } = JSON;
  const NativeTypeError = TypeError;
  const NativeURL = URL;
  const Form = URLSearchParams;
  const Bytes = Uint8Array;
  const Buffer = ArrayBuffer;
  const iterator = Symbol.iterator;
  const { apply } = Reflect;
  const { toLowerCase, toUpperCase } = String.prototype;
  const lower = (text) => apply(toLowerCase, text, []);

  function global(name, value) {
    defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
  }

  // Names in lower case and values in turn, as the host function takes them.
  let flatOf, fromFlat;

  class Headers {
    #flat = [];
    static {
      flatOf = (headers) => headers.#flat;
      fromFlat = (flat) => {
        const headers = new Headers();
        headers.#flat = flat;
        return headers;
      };
    }
    constructor(init) {
      if (init === undefined || init === null) return;
      if (typeof init !== 'object') throw new NativeTypeError('Headers: names and values are an object, pairs or Headers');
      if (typeof init[iterator] === 'function') {
        for (const pair of init) {
          const both = [...pair];
          if (both.length !== 2) throw new NativeTypeError('Headers: each pair has a name and a value');
          this.append(both[0], both[1]);
        }
      } else {
        for (const name of keys(init)) this.append(name, init[name]);
      }
    }
    append(name, value) {
      const flat = this.#flat;
      flat[flat.length] = lower(`${name}`);
      flat[flat.length] = `${value}`;
    }
    set(name, value) {
      this.delete(name);
      this.append(name, value);
    }
    delete(name) {
      const wanted = lower(`${name}`);
      const rest = [];
      for (let i = 0; i < this.#flat.length; i += 2) {
        if (this.#flat[i] !== wanted) rest[rest.length] = this.#flat[i];
        if (this.#flat[i] !== wanted) rest[rest.length] = this.#flat[i + 1];
      }
      this.#flat = rest;
    }
    get(name) {
      const wanted = lower(`${name}`);
      let values = null;
      for (let i = 0; i < this.#flat.length; i += 2) {
        if (this.#flat[i] === wanted) values = values === null ? this.#flat[i + 1] : `${values}, ${this.#flat[i + 1]}`;
      }
      return values;
    }
    getSetCookie() {
      const values = [];
      for (let i = 0; i < this.#flat.length; i += 2) if (this.#flat[i] === 'set-cookie') values[values.length] = this.#flat[i + 1];
      return values;
    }
    has(name) {
      return this.get(name) !== null;
    }
    forEach(visit, self) {
      for (const [name, value] of this) apply(visit, self, [value, name, this]);
    }
    *entries() {
      for (let i = 0; i < this.#flat.length; i += 2) yield [this.#flat[i], this.#flat[i + 1]];
    }
    *keys() {
      for (const pair of this.entries()) yield pair[0];
    }
    *values() {
      for (const pair of this.entries()) yield pair[1];
    }
    [iterator]() {
      return this.entries();
    }
  }

  let responseOf;

  class Response {
    #status;
    #headers;
    #bytes;
    #url;
    #used = false;
    static {
      responseOf = (status, headers, bytes, url) => {
        const response = new Response();
        response.#status = status;
        response.#headers = headers;
        response.#bytes = bytes;
        response.#url = url;
        return response;
      };
    }
    constructor(body = null, init = {}) {
      this.#status = init.status ?? 200;
      this.#headers = new Headers(init.headers);
      this.#bytes = bytesOf(body, this.#headers);
      this.#url = '';
    }
    get status() {
      return this.#status;
    }
    get ok() {
      return this.#status >= 200 && this.#status < 300;
    }
    get statusText() {
      return '';
    }
    get headers() {
      return this.#headers;
    }
    get url() {
      return this.#url;
    }
    get redirected() {
      return false;
    }
    get type() {
      return 'basic';
    }
    get body() {
      throw new NativeTypeError('response.body: there are no streams; use text(), json(), bytes() or arrayBuffer()');
    }
    get bodyUsed() {
      return this.#used;
    }
    #take(method) {
      if (this.#used) throw new NativeTypeError(`response.${method}: the body has been read already; use response.clone() before`);
      this.#used = true;
      return this.#bytes;
    }
    async text() {
      return native.decode(this.#take('text'), 'utf-8', false, true)[0];
    }
    async json() {
      return parse(native.decode(this.#take('json'), 'utf-8', false, true)[0]);
    }
    async bytes() {
      return new Bytes(this.#take('bytes'));
    }
    async arrayBuffer() {
      return new Bytes(this.#take('arrayBuffer')).buffer;
    }
    clone() {
      if (this.#used) throw new NativeTypeError('response.clone: the body has been read already');
      return responseOf(this.#status, fromFlat([...flatOf(this.#headers)]), this.#bytes, this.#url);
    }
  }

  const NOTHING = new Bytes(0);

  // The bytes of a body. Adds its type, unless the script says another one.
  function bytesOf(body, headers) {
    const typed = (type, bytes) => {
      if (!headers.has('content-type')) headers.append('content-type', type);
      return bytes;
    };
    if (body === undefined || body === null) return NOTHING;
    if (typeof body === 'string') return typed('text/plain;charset=UTF-8', native.encode(body));
    if (body instanceof Form) return typed('application/x-www-form-urlencoded;charset=UTF-8', native.encode(body.toString()));
    // The bytes of any view, which `new Bytes(view)` alone would make of its numbers.
    if (isView(body)) return new Bytes(body.buffer, body.byteOffset, body.byteLength);
    if (body instanceof Buffer) return new Bytes(body);
    throw new NativeTypeError('fetch: the body is a text, a typed array, an ArrayBuffer or URLSearchParams; JSON.stringify makes a text of an object');
  }

  const KNOWN = ['method', 'headers', 'body', 'timeoutMs', 'redirect'];

  global('fetch', async function fetch(input, init = {}) {
    const url = new NativeURL(input).href;
    for (const name of keys(init)) {
      if (!KNOWN.includes(name)) throw new NativeTypeError(`fetch: unknown option '${name}'; there are ${KNOWN.join(', ')}`);
    }
    // The host follows no redirect: the response has its status and its `location`.
    if (!['follow', 'manual', undefined].includes(init.redirect)) throw new NativeTypeError("fetch: `redirect` is 'manual'");
    const headers = new Headers(init.headers);
    const body = bytesOf(init.body, headers);
    const method = apply(toUpperCase, `${init.method ?? 'GET'}`, []);
    if (body !== NOTHING && (method === 'GET' || method === 'HEAD')) throw new NativeTypeError(`fetch: a ${method} request has no body`);
    const [status, flat, bytes] = native.send(method, url, flatOf(headers), body, init.timeoutMs);
    return responseOf(status, fromFlat(isArray(flat) ? flat : []), bytes, url);
  });

  for (const one of [Headers, Response]) {
    defineProperty(one.prototype, Symbol.toStringTag, { value: one.name, configurable: true });
    global(one.name, one);
  }
});
