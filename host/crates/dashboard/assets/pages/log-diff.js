// The difference of two logs, line by line, without regard to numbers: times and counts differ in any two runs.

/** Lines that are compared at most; the rest is left out. */
const MOST = 1_000;

const plain = (text) => text.replace(/\d+/g, "#");

/**
 * Returns runs of lines that are the same, were removed or added.
 * @param {string[]} one
 * @param {string[]} other
 * @returns {{kind: "same"|"removed"|"added", lines: string[]}[]}
 */
export function compareLogs(one, other) {
  const [before, now] = [one.slice(0, MOST), other.slice(0, MOST)];
  const [left, right] = [before.map(plain), now.map(plain)];
  // The longest common subsequence from each pair of places on.
  const width = right.length + 1;
  const lengths = new Uint16Array((left.length + 1) * width);
  for (let at = left.length - 1; at >= 0; at -= 1) {
    for (let to = right.length - 1; to >= 0; to -= 1) {
      lengths[at * width + to] = left[at] === right[to]
        ? lengths[(at + 1) * width + to + 1] + 1
        : Math.max(lengths[(at + 1) * width + to], lengths[at * width + to + 1]);
    }
  }
  const found = [];
  const push = (kind, line) => {
    const last = found.at(-1);
    // The same line many times is one piece.
    const isRun = last?.kind === kind && (kind === "same" || plain(last.lines[0]) === plain(line));
    if (isRun) last.lines.push(line);
    else found.push({ kind, lines: [line] });
  };
  let [at, to] = [0, 0];
  while (at < left.length || to < right.length) {
    if (at < left.length && to < right.length && left[at] === right[to]) {
      push("same", now[to]);
      at += 1;
      to += 1;
    } else if (to >= right.length || (at < left.length && lengths[(at + 1) * width + to] >= lengths[at * width + to + 1])) {
      push("removed", before[at]);
      at += 1;
    } else {
      push("added", now[to]);
      to += 1;
    }
  }
  return found;
}
