// console, and the original's log and fmt. What is called for each line is the host function itself.
(function (native) {
  'use strict';
  const { defineProperty, keys } = Object;
  const NativeError = Error;
  const NativeMap = Map;
  const { captureStackTrace } = Error;
  const MAX_LABELS = 1000;

  function global(name, value) {
    defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
  }

  const counts = new NativeMap();
  const timers = new NativeMap();
  const { get, set, has, delete: remove } = NativeMap.prototype;
  const { apply } = Reflect;
  const sizeOf = Object.getOwnPropertyDescriptor(NativeMap.prototype, 'size').get;
  const remember = (map, label, value) => {
    if (apply(has, map, [label]) || apply(sizeOf, map, []) < MAX_LABELS) apply(set, map, [label, value]);
  };

  function elapsed(label) {
    const started = apply(get, timers, [label]);
    return started === undefined ? undefined : `${label}: ${(native.monotonicMs() - started).toFixed(3)}ms`;
  }

  function table(rows) {
    if (rows === null || typeof rows !== 'object') return native.consoleInfo(rows);
    const names = keys(rows);
    const columns = [];
    for (const name of names) {
      const row = rows[name];
      if (row === null || typeof row !== 'object') continue;
      for (const column of keys(row)) if (!columns.includes(column) && columns.length < 50) columns.push(column);
    }
    const hasValues = names.some((name) => rows[name] === null || typeof rows[name] !== 'object');
    const head = ['(index)', ...columns, ...(hasValues ? ['Values'] : [])];
    const lines = names.slice(0, 200).map((name) => {
      const row = rows[name];
      const isRow = row !== null && typeof row === 'object';
      const cells = columns.map((column) => (isRow && column in row ? native.inspect(row[column]) : ''));
      return [name, ...cells, ...(hasValues ? [isRow ? '' : native.inspect(row)] : [])];
    });
    const widths = head.map((title, at) => lines.reduce((width, line) => (line[at].length > width ? line[at].length : width), title.length));
    const shown = [head, ...lines].map((line) => line.map((cell, at) => cell.padEnd(widths[at])).join('  ').trimEnd());
    native.consoleInfo(shown.join('\n') + (names.length > 200 ? `\n... ${names.length - 200} more rows` : ''));
  }

  global('console', {
    log: native.consoleInfo,
    info: native.consoleInfo,
    debug: native.consoleDebug,
    warn: native.consoleWarn,
    error: native.consoleError,
    dir: (value) => native.consoleInfo(value),
    dirxml: native.consoleInfo,
    group: (...label) => (label.length > 0 ? native.consoleInfo(...label) : undefined),
    groupCollapsed: (...label) => (label.length > 0 ? native.consoleInfo(...label) : undefined),
    groupEnd() {},
    clear() {},
    table,
    trace(...values) {
      const at = {};
      captureStackTrace(at, this.trace);
      native.consoleDebug('Trace:', ...values, `\n${at.stack}`);
    },
    assert(condition, ...values) {
      if (!condition) native.consoleError('Assertion failed' + (values.length > 0 ? ':' : ''), ...values);
    },
    count(label = 'default') {
      const count = (apply(get, counts, [label]) ?? 0) + 1;
      remember(counts, label, count);
      native.consoleInfo(`${label}: ${count}`);
    },
    countReset(label = 'default') {
      apply(remove, counts, [label]);
    },
    time(label = 'default') {
      remember(timers, label, native.monotonicMs());
    },
    timeLog(label = 'default', ...values) {
      const text = elapsed(label);
      if (text === undefined) native.consoleWarn(`console.timeLog: no timer '${label}' was started`);
      else native.consoleInfo(text, ...values);
    },
    timeEnd(label = 'default') {
      const text = elapsed(label);
      apply(remove, timers, [label]);
      if (text === undefined) native.consoleWarn(`console.timeEnd: no timer '${label}' was started`);
      else native.consoleInfo(text);
    },
  });

  // Fatal and Panic write at the level error and end nothing: the host must not end because a script says so.
  global('log', {
    Trace: native.logDebug,
    Debug: native.logDebug,
    Info: native.logInfo,
    Warn: native.logWarn,
    Error: native.logError,
    Fatal: native.logError,
    Panic: native.logError,
  });

  global('fmt', {
    Sprintf: native.sprintf,
    Sprint: native.sprint,
    Sprintln: (...values) => native.sprint(...values) + '\n',
    Printf: (...values) => native.consoleInfo(native.sprintf(...values)),
    Print: (...values) => native.consoleInfo(native.sprint(...values)),
    Println: (...values) => native.consoleInfo(native.sprint(...values)),
    Errorf: (...values) => new NativeError(native.sprintf(...values)),
  });
});
