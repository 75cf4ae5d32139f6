// Tasks, timers, clocks, random numbers and texts.
(function (native) {
  'use strict';
  const { defineProperty } = Object;
  const { isView } = ArrayBuffer;
  const NativeDOMException = DOMException;
  const Bytes = Uint8Array;
  const { min, floor } = Math;
  const getTag = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag).get;
  const getByteLength = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), 'byteLength').get;
  const set = Object.getPrototypeOf(Uint8Array.prototype).set;
  const subarray = Object.getPrototypeOf(Uint8Array.prototype).subarray;
  const { apply } = Reflect;
  const { trim, toLowerCase, charCodeAt } = String.prototype;

  function global(name, value) {
    defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
  }

  // The original's document uses both names.
  global('Process', native.process);
  global('Progress', native.process);

  global('setTimeout', native.setTimeout);
  global('setInterval', native.setInterval);
  global('clearTimeout', native.clearTimeout);
  global('clearInterval', native.clearTimeout);

  // Not the engine's own: it is seeded when the snapshot is made.
  defineProperty(Math, 'random', { value: native.random, writable: true, configurable: true, enumerable: false });

  // Not the engine's own: it counts from when the snapshot was made.
  let origin, started;
  function start() {
    if (started === undefined) {
      native.requireRunning('performance');
      started = native.monotonicMs();
      origin = native.wallMs();
    }
  }
  global('performance', {
    now() {
      start();
      return native.monotonicMs() - started;
    },
    get timeOrigin() {
      start();
      return origin;
    },
  });

  const INTEGERS = new Set([
    'Int8Array', 'Uint8Array', 'Uint8ClampedArray', 'Int16Array', 'Uint16Array', 'Int32Array', 'Uint32Array', 'BigInt64Array',
    'BigUint64Array',
  ]);
  const isInteger = INTEGERS.has.bind(INTEGERS);
  const HEX = [];
  for (let byte = 0; byte < 256; byte++) HEX[byte] = (byte + 256).toString(16).slice(1);
  global('crypto', {
    getRandomValues(array) {
      if (!isView(array) || !isInteger(apply(getTag, array, []))) {
        throw new TypeError('crypto.getRandomValues fills a typed array of integers');
      }
      const length = apply(getByteLength, array, []);
      if (length > 65536) {
        throw new NativeDOMException(`crypto.getRandomValues fills at most 65536 bytes at once, not ${length}`, 'QuotaExceededError');
      }
      return native.fillRandom(array);
    },
    randomUUID() {
      const bytes = native.fillRandom(new Bytes(16));
      bytes[6] = (bytes[6] & 0x0f) | 0x40;
      bytes[8] = (bytes[8] & 0x3f) | 0x80;
      let uuid = '';
      for (let i = 0; i < 16; i++) uuid += (i === 4 || i === 6 || i === 8 || i === 10 ? '-' : '') + HEX[bytes[i]];
      return uuid;
    },
  });

  class TextEncoder {
    get encoding() {
      return 'utf-8';
    }
    encode(text = '') {
      return native.encode(`${text}`);
    }
    encodeInto(text, target) {
      if (apply(getTag, target, []) !== 'Uint8Array') throw new TypeError('TextEncoder.encodeInto fills a Uint8Array');
      text = `${text}`;
      let read = 0;
      let written = 0;
      while (read < text.length) {
        const unit = apply(charCodeAt, text, [read]);
        const units = unit >= 0xd800 && unit < 0xdc00 && read + 1 < text.length && (apply(charCodeAt, text, [read + 1]) & 0xfc00) === 0xdc00 ? 2 : 1;
        const bytes = native.encode(units === 2 ? text[read] + text[read + 1] : text[read]);
        if (written + bytes.length > target.length) break;
        apply(set, target, [bytes, written]);
        written += bytes.length;
        read += units;
      }
      return { read, written };
    }
  }

  const ENCODINGS = {
    __proto__: null,
    'utf-8': 'utf-8', utf8: 'utf-8', 'unicode-1-1-utf-8': 'utf-8',
    'utf-16': 'utf-16le', 'utf-16le': 'utf-16le', 'ucs-2': 'utf-16le', unicode: 'utf-16le', 'utf-16be': 'utf-16be',
    'windows-1252': 'windows-1252', 'iso-8859-1': 'windows-1252', latin1: 'windows-1252', l1: 'windows-1252', ascii: 'windows-1252',
    'us-ascii': 'windows-1252', cp1252: 'windows-1252',
  };
  const NOTHING = new Bytes(0);

  class TextDecoder {
    #encoding;
    #fatal;
    #ignoreBOM;
    #pending = NOTHING;
    #isStart = true;
    constructor(label = 'utf-8', options = {}) {
      this.#encoding = ENCODINGS[apply(toLowerCase, apply(trim, `${label}`, []), [])];
      if (this.#encoding === undefined) {
        throw new RangeError(`TextDecoder: unknown encoding '${label}'; there are utf-8, utf-16le, utf-16be and windows-1252`);
      }
      this.#fatal = !!options?.fatal;
      this.#ignoreBOM = !!options?.ignoreBOM;
    }
    get encoding() {
      return this.#encoding;
    }
    get fatal() {
      return this.#fatal;
    }
    get ignoreBOM() {
      return this.#ignoreBOM;
    }
    decode(input = NOTHING, options = {}) {
      const isLast = !options?.stream;
      let bytes = isView(input) ? new Bytes(input.buffer, input.byteOffset, input.byteLength) : new Bytes(input);
      if (this.#pending.length > 0) {
        const both = new Bytes(this.#pending.length + bytes.length);
        apply(set, both, [this.#pending]);
        apply(set, both, [bytes, this.#pending.length]);
        bytes = both;
      }
      this.#pending = NOTHING;
      const decoded = native.decode(bytes, this.#encoding, this.#fatal, isLast);
      let text = decoded[0];
      if (decoded[1] > 0) this.#pending = new Bytes(apply(subarray, bytes, [bytes.length - decoded[1]]));
      if (this.#isStart && !this.#ignoreBOM && text.length > 0 && text[0] === '\uFEFF') text = text.slice(1);
      this.#isStart = isLast || (this.#isStart && text.length === 0);
      return text;
    }
  }
  for (const one of [TextEncoder, TextDecoder]) {
    defineProperty(one.prototype, Symbol.toStringTag, { value: one.name, configurable: true });
    global(one.name, one);
  }
});
