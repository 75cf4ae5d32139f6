// Backtraces on top of each other, each frame as wide as it is often; filled where the version before had none.

import { Guest, plainText } from "../parts/guest.js";
import { html } from "../parts/html.js";
import { count, share } from "../parts/span.js";

const ROW = 20;

/**
 * Places the frames of a tree: the root below is the widest.
 * @param {{frame: string, count: number, children: any[]}} root
 * @param {Set<string>} known paths of frames of the version before
 */
export function placed(root, known, width = 1_000) {
  const found = [];
  const place = (node, x, size, depth, path) => {
    const own = `${path}\n${node.frame}`;
    found.push({ frame: node.frame, count: node.count, x, width: size, depth, isNew: known.size > 0 && !known.has(own) });
    let at = x;
    for (const child of [...(node.children ?? [])].sort((one, other) => other.count - one.count)) {
      const part = node.count > 0 ? (Number(child.count) / Number(node.count)) * size : 0;
      // Thinner frames than a pixel cannot be seen.
      if (part >= 1) place(child, at, part, depth + 1, own);
      at += part;
    }
  };
  place(root, 0, width, 0, "");
  return found;
}

/**
 * Makes a tree of frames, each of which names the place of its caller.
 * @param {{name: string, caller: number|null, count: any}[]} frames
 */
export function treeOf(frames) {
  const nodes = (frames ?? []).map(({ name, count }) => ({ frame: name, count: Number(count), children: [] }));
  const root = { frame: "all", count: 0, children: [] };
  (frames ?? []).forEach(({ caller }, at) => {
    const parent = caller === null || caller === undefined ? root : nodes[caller];
    parent?.children.push(nodes[at]);
    if (parent === root) root.count += nodes[at].count;
  });
  return root;
}

/** Returns the paths of all frames of a tree. */
export function framePaths(root, path = "", found = new Set()) {
  if (!root) return found;
  const own = `${path}\n${root.frame}`;
  found.add(own);
  for (const child of root.children ?? []) framePaths(child, own, found);
  return found;
}

export function Flame({ root, before = null, label }) {
  const frames = placed(root, framePaths(before));
  const depth = Math.max(...frames.map((frame) => frame.depth)) + 1;
  return html`<div class="flame" tabindex="0" role="group" aria-label=${label}>
    <svg viewBox="0 0 1000 ${depth * ROW}" role="img" aria-label=${label}>
      ${frames.map((frame, at) => html`<g key=${at}>
        <rect x=${frame.x} y=${frame.depth * ROW} width=${frame.width} height=${ROW - 1} class=${frame.isNew ? "new" : ""}>
          <title>${plainText(frame.frame)}: ${count(frame.count)}, ${share(frame.count, root.count)}${frame.isNew ? ", new" : ""}</title>
        </rect>
        ${frame.width > 60 && html`<text x=${frame.x + 4} y=${frame.depth * ROW + 14}>${plainText(frame.frame).slice(0, Math.floor(frame.width / 7))}</text>`}
      </g>`)}
    </svg>
    <details><summary>as a list</summary><ul>
      ${frames.slice(0, 200).map((frame, at) => html`<li key=${at}>${"· ".repeat(frame.depth)}<${Guest} text=${frame.frame} /> ${count(frame.count)}${frame.isNew ? " — new" : ""}</li>`)}
    </ul></details>
  </div>`;
}
