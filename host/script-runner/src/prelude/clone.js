// structuredClone, and what the runner needs to show maps, sets, dates and regular expressions.
(function (native) {
  'use strict';
  const { apply, ownKeys } = Reflect;
  const { defineProperty, getOwnPropertyDescriptor, getPrototypeOf, prototype: ObjectPrototype } = Object;
  const propertyIsEnumerable = ObjectPrototype.propertyIsEnumerable;
  const { isArray } = Array;
  const { isView } = ArrayBuffer;
  const NativeMap = Map;
  const NativeSet = Set;
  const NativeDate = Date;
  const NativeRegExp = RegExp;
  const NativeDataView = DataView;
  const NativeDOMException = DOMException;
  const { get: mapGet, has: mapHas, set: mapSet, forEach: mapForEach } = Map.prototype;
  const { add: setAdd, forEach: setForEach } = Set.prototype;
  const mapSize = getOwnPropertyDescriptor(Map.prototype, 'size').get;
  const setSize = getOwnPropertyDescriptor(Set.prototype, 'size').get;
  const { getTime, toISOString } = Date.prototype;
  const source = getOwnPropertyDescriptor(RegExp.prototype, 'source').get;
  const flags = getOwnPropertyDescriptor(RegExp.prototype, 'flags').get;
  const sliceBuffer = ArrayBuffer.prototype.slice;
  const bufferLength = getOwnPropertyDescriptor(ArrayBuffer.prototype, 'byteLength').get;
  const TypedArray = getPrototypeOf(Uint8Array);
  const typedTag = getOwnPropertyDescriptor(TypedArray.prototype, Symbol.toStringTag).get;
  const typed = { __proto__: null };
  for (const one of [
    Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array, Float64Array,
    BigInt64Array, BigUint64Array,
  ]) {
    typed[one.name] = one;
  }
  const errors = { __proto__: null, Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };
  const isError = Error.isError ?? ((value) => value instanceof errors.Error);
  const valueOf = { __proto__: null };
  for (const one of [Number, String, Boolean, BigInt, Symbol]) valueOf[one.name] = one.prototype.valueOf;

  const is = (method, value) => {
    try {
      apply(method, value, []);
      return true;
    } catch {
      return false;
    }
  };

  native.entries = (collection, limit) => {
    const isMap = is(mapSize, collection);
    const list = [apply(isMap ? mapSize : setSize, collection, [])];
    let count = 0;
    const add = (value) => defineProperty(list, list.length, { value, writable: true, configurable: true, enumerable: true });
    apply(isMap ? mapForEach : setForEach, collection, [
      (value, key) => {
        if (count++ < limit) {
          if (isMap) add(key);
          add(value);
        }
      },
    ]);
    return list;
  };
  const DOMExceptionPrototype = DOMException.prototype;
  const { isPrototypeOf } = ObjectPrototype;
  native.isDOMException = (value) => apply(isPrototypeOf, DOMExceptionPrototype, [value]);
  const stack = getOwnPropertyDescriptor(Error.prototype, 'stack').get;
  native.stackText = (error) => apply(stack, error, []);
  const symbolText = Symbol.prototype.toString;
  native.symbolText = (symbol) => apply(symbolText, symbol, []);
  native.dateText = (date) => apply(toISOString, date, []);
  native.regExpText = (value) => `/${apply(source, value, [])}/${apply(flags, value, [])}`;

  function refuse(value, why) {
    throw new NativeDOMException(`structuredClone: ${native.inspect(value)} cannot be cloned${why}`, 'DataCloneError');
  }

  function clone(value, seen) {
    if (typeof value === 'function' || typeof value === 'symbol') refuse(value, '');
    if (value === null || typeof value !== 'object') return value;
    if (apply(mapHas, seen, [value])) return apply(mapGet, seen, [value]);
    const keep = (copy) => {
      apply(mapSet, seen, [value, copy]);
      return copy;
    };
    if (isArray(value)) return properties(value, keep([]), seen, value.length);
    const tag = isView(value) ? apply(typedTag, value, []) : undefined;
    if (tag !== undefined) {
      if (typed[tag] === undefined) refuse(value, '');
      return keep(new typed[tag](clone(value.buffer, seen), value.byteOffset, value.length));
    }
    if (isView(value)) return keep(new NativeDataView(clone(value.buffer, seen), value.byteOffset, value.byteLength));
    if (is(bufferLength, value)) return keep(apply(sliceBuffer, value, [0]));
    if (is(getTime, value)) return keep(new NativeDate(apply(getTime, value, [])));
    if (is(mapSize, value)) {
      const copy = keep(new NativeMap());
      apply(mapForEach, value, [(item, key) => apply(mapSet, copy, [clone(key, seen), clone(item, seen)])]);
      return copy;
    }
    if (is(setSize, value)) {
      const copy = keep(new NativeSet());
      apply(setForEach, value, [(item) => apply(setAdd, copy, [clone(item, seen)])]);
      return copy;
    }
    if (isError(value)) return error(value, keep, seen);
    for (const name in valueOf) if (is(valueOf[name], value)) return keep(Object(apply(valueOf[name], value, [])));
    if (isRegExp(value)) return keep(new NativeRegExp(apply(source, value, []), apply(flags, value, [])));
    if (isOpaque(value)) refuse(value, '');
    return properties(value, keep({}), seen, undefined);
  }

  // `source` answers for the prototype, too.
  const isRegExp = (value) => value !== NativeRegExp.prototype && is(source, value);
  const { has: weakMapHas } = WeakMap.prototype;
  const { has: weakSetHas } = WeakSet.prototype;
  const { deref } = WeakRef.prototype;
  const isOpaque = (value) =>
    is(weakMapHas, value) || is(weakSetHas, value) || is(deref, value) || native.isPromise(value);

  function properties(value, copy, seen, length) {
    if (length !== undefined) copy.length = length;
    const keys = ownKeys(value);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      if (typeof key === 'string' && apply(propertyIsEnumerable, value, [key])) {
        defineProperty(copy, key, { value: clone(value[key], seen), writable: true, configurable: true, enumerable: true });
      }
    }
    return copy;
  }

  function error(value, keep, seen) {
    const name = typeof value.name === 'string' && value.name in errors ? value.name : 'Error';
    const made = keep(new errors[name](value.message));
    const hide = (key, content) => defineProperty(made, key, { value: content, writable: true, configurable: true, enumerable: false });
    hide('stack', `${value.stack}`);
    if (getOwnPropertyDescriptor(value, 'cause') !== undefined) hide('cause', clone(value.cause, seen));
    return made;
  }

  defineProperty(globalThis, 'structuredClone', {
    value: function structuredClone(value, options) {
      if (arguments.length === 0) throw new TypeError('structuredClone takes a value');
      if (options?.transfer?.length > 0) refuse(options.transfer, ' by transfer: there are no other threads');
      return clone(value, new NativeMap());
    },
    writable: true,
    configurable: true,
    enumerable: false,
  });
});
