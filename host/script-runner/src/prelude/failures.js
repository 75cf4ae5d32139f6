// Reject and Retry: errors that say whether another attempt follows. With `new` they make an error to throw; called without
// it they throw at once, so that a forgotten `throw` does not turn a failure into a success.
(function (native) {
  'use strict';
  const { defineProperty, setPrototypeOf, create } = Object;
  const { construct, apply } = Reflect;
  const NativeError = Error;
  const { captureStackTrace } = Error;
  const { isFinite } = Number;
  const test = RegExp.prototype.exec;
  const CODE = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/;
  const MAX_AFTER_MS = 30 * 24 * 3600 * 1000;

  function own(object, name) {
    return object !== null && typeof object === 'object' && Object_hasOwn(object, name) ? object[name] : undefined;
  }
  const Object_hasOwn = Object.hasOwn;

  function hide(object, name, value) {
    defineProperty(object, name, { value, writable: true, configurable: true, enumerable: false });
  }

  function fail(kind, of, newTarget, code, message, options) {
    if (typeof code !== 'string' || code.length > 64 || apply(test, CODE, [code]) === null) {
      throw new TypeError(`${kind}: the code is made of lower-case words with hyphens, such as 'not-found', not ${native.inspect(code)}`);
    }
    if (options !== undefined && (options === null || typeof options !== 'object')) {
      throw new TypeError(`${kind}: the third argument is an object such as { details }, not ${native.inspect(options)}`);
    }
    const error = construct(NativeError, [message === undefined ? code : `${message}`], newTarget ?? of);
    captureStackTrace(error, of);
    hide(error, 'saggar:failure', kind === 'Reject' ? 'reject' : 'retry');
    hide(error, 'code', code);
    hide(error, 'details', own(options, 'details'));
    if (kind === 'Retry') {
      const afterMs = own(options, 'afterMs');
      if (afterMs !== undefined && !(typeof afterMs === 'number' && isFinite(afterMs) && afterMs >= 0 && afterMs <= MAX_AFTER_MS)) {
        throw new TypeError(`Retry: afterMs is a number of milliseconds from 0 to 30 days, not ${native.inspect(afterMs)}`);
      }
      hide(error, 'afterMs', afterMs);
    }
    if (newTarget === undefined) throw error;
    return error;
  }

  function Reject(code, message, options) {
    return fail('Reject', Reject, new.target, code, message, options);
  }
  function Retry(code, message, options) {
    return fail('Retry', Retry, new.target, code, message, options);
  }
  for (const failure of [Reject, Retry]) {
    setPrototypeOf(failure, NativeError);
    defineProperty(failure, 'prototype', { value: create(NativeError.prototype), writable: false });
    hide(failure.prototype, 'constructor', failure);
    hide(failure.prototype, 'name', failure.name);
    hide(globalThis, failure.name, failure);
  }
});
