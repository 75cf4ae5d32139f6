// Numbers for people: lengths of time, bytes, counts, shares, rates.

const NARROW = "\u202f";

/** A length of time: `3.1 ms`, `41 s`, `2 h 5 min`. */
export function span(ms) {
  const value = Number(ms);
  if (ms === null || ms === undefined || Number.isNaN(value)) return "–";
  if (value < 0) return `−${span(-value)}`;
  if (value < 1) return value === 0 ? "0 ms" : `${digits(value * 1_000)} µs`;
  if (value < 1_000) return `${digits(value)} ms`;
  if (value < 60_000) return `${digits(value / 1_000)} s`;
  const steps = [["d", 86_400_000], ["h", 3_600_000], ["min", 60_000], ["s", 1_000]];
  const at = steps.findIndex(([, size]) => value >= size);
  const [name, size] = steps[at];
  const whole = Math.floor(value / size);
  const next = steps[at + 1];
  const rest = next ? Math.floor((value - whole * size) / next[1]) : 0;
  return rest > 0 ? `${whole} ${name} ${rest} ${next[0]}` : `${whole} ${name}`;
}

/** Three digits at most of a number below 1,000. */
function digits(value) {
  if (value >= 100) return String(Math.round(value));
  return value >= 10 ? String(Math.round(value * 10) / 10) : String(Math.round(value * 100) / 100);
}

/** A whole number of any size, with separators: text, because ids are larger than numbers. */
export function count(value) {
  if (value === null || value === undefined) return "–";
  const text = String(value);
  return /^\d+$/.test(text) ? text.replace(/\B(?=(\d{3})+$)/g, ",") : text;
}

/** A count where the place is small: `4.7 M`. */
export function short(value) {
  const number = Number(value);
  if (value === null || value === undefined || Number.isNaN(number)) return "–";
  if (number < 100_000) return count(Math.round(number));
  for (const [size, name] of [[1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (number >= size) return `${digits(number / size)}${NARROW}${name}`;
  }
  return String(number);
}

/** A rate per second. */
export function rate(value) {
  const number = Number(value ?? 0);
  if (number === 0) return "0/s";
  if (number < 0.01) return "<0.01/s";
  return `${number < 10 ? digits(number) : short(number)}/s`;
}

/** Bytes: `48.2 KiB`. */
export function bytes(value) {
  const number = Number(value);
  if (value === null || value === undefined || Number.isNaN(number)) return "–";
  if (number < 1024) return `${number} B`;
  const names = ["KiB", "MiB", "GiB", "TiB", "PiB"];
  const step = Math.min(names.length, Math.floor(Math.log2(number) / 10));
  return `${digits(number / 1024 ** step)} ${names[step - 1]}`;
}

/** A share: `1.5 %`. */
export function share(part, whole) {
  if (!whole) return "–";
  const percent = (100 * Number(part)) / Number(whole);
  if (percent === 0 || percent === 100) return `${percent} %`;
  return percent < 0.1 ? "<0.1 %" : `${digits(percent)} %`;
}

/** One thing or many. */
export function counted(number, one, many = `${one}s`) {
  return `${count(number)} ${String(number) === "1" ? one : many}`;
}
