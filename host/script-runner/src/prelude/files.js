// Env and File: the variables and the directories that the task has. Files are read and written as a whole.
(function (native) {
  'use strict';
  const { defineProperty, freeze } = Object;
  const { isView } = ArrayBuffer;
  const Buffer = ArrayBuffer;
  const NativeTypeError = TypeError;

  function bytesOf(data) {
    if (typeof data === 'string') return native.encode(data);
    if (isView(data) || data instanceof Buffer) return data;
    throw new NativeTypeError(`File writes a text, a typed array or an ArrayBuffer, not ${native.inspect(data)}`);
  }

  const Env = freeze({ get: (name) => native.variable(name) });
  const File = freeze({
    read: (path) => native.decode(native.fileRead(path), 'utf-8', false, true)[0],
    readBytes: (path) => native.fileRead(path),
    write: (path, data) => native.fileWrite(path, bytesOf(data)),
    append: (path, data) => native.fileAppend(path, bytesOf(data)),
    list: (path) => native.fileList(path),
    exists: (path) => native.fileExists(path),
    makeDir: (path) => native.fileMakeDir(path),
    remove: (path) => native.fileRemove(path),
  });
  for (const [name, value] of [['Env', Env], ['File', File]]) {
    defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
  }
});
