// Whether a difference between two versions may be chance: the intervals of shares (Wilson, 95 %).

const Z = 1.96;

/** Returns the interval in which a share lies. */
export function wilson(part, whole) {
  if (!whole) return { low: 0, high: 1 };
  const share = part / whole;
  const square = Z * Z;
  const centre = share + square / (2 * whole);
  const spread = Z * Math.sqrt((share * (1 - share)) / whole + square / (4 * whole * whole));
  const scale = 1 + square / whole;
  return { low: Math.max(0, (centre - spread) / scale), high: Math.min(1, (centre + spread) / scale) };
}

/**
 * Compares two shares: `chance` if their intervals overlap, else which is larger.
 * @returns {"chance"|"more"|"less"}
 */
export function compareShares(before, now) {
  const [one, other] = [wilson(before.part, before.of), wilson(now.part, now.of)];
  if (one.low <= other.high && other.low <= one.high) return "chance";
  return other.low > one.high ? "more" : "less";
}

/** Returns the value below which a share of the values is; null without any. */
export function rank(values, part) {
  const sorted = values.map(Number).sort((one, other) => one - other);
  return sorted.length > 0 ? sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] : null;
}
