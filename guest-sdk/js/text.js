// Text and bytes, also where there is no TextEncoder, as in components of componentize-qjs.

/** UTF-8 has no lone surrogates. */
export function text(value) {
  const string = String(value);
  return string.isWellFormed?.() === false ? string.toWellFormed() : string;
}

/** Bytes of text as UTF-8. */
export function encode(string) {
  if (globalThis.TextEncoder) return new TextEncoder().encode(string);
  const escaped = encodeURIComponent(text(string));
  const bytes = [];
  for (let at = 0; at < escaped.length; at += 1) {
    if (escaped[at] !== "%") bytes.push(escaped.charCodeAt(at));
    else {
      bytes.push(Number.parseInt(escaped.slice(at + 1, at + 3), 16));
      at += 2;
    }
  }
  return new Uint8Array(bytes);
}

/** Text of bytes; what is not UTF-8 becomes U+FFFD. */
export function decode(bytes) {
  if (globalThis.TextDecoder) return new TextDecoder().decode(bytes);
  let string = "";
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at];
    const length = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0;
    let code = length === 1 ? first : first & (0xff >> (length + 1));
    let isValid = length > 0 && at + length <= bytes.length;
    for (let next = 1; isValid && next < length; next += 1) {
      isValid = (bytes[at + next] & 0xc0) === 0x80;
      code = (code << 6) | (bytes[at + next] & 0x3f);
    }
    isValid = isValid && code >= [0, 0, 0x80, 0x800, 0x10000][length] && code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000);
    string += isValid ? String.fromCodePoint(code) : "\ufffd";
    at += isValid ? length : 1;
  }
  return string;
}
