// A version: the first digits of a digest, all of them in the tooltip and for copying.

import { Copy } from "./copy.js";
import { html } from "./html.js";

/** Returns the first digits, by which people tell versions apart. */
export function shortDigest(digest) {
  return String(digest ?? "").slice(0, 8);
}

export function Digest({ digest, canCopy = false }) {
  if (!digest) return html`<span class="muted">–</span>`;
  return html`<code class="nowrap" title=${digest}>${shortDigest(digest)}</code>${canCopy && html`<${Copy} text=${digest} what="the digest">⧉<//>`}`;
}
