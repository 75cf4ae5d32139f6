// What attempts or failures consist of, as one bar of parts with a legend in words.

import { html } from "../parts/html.js";
import { count, share } from "../parts/span.js";

/** @param {{parts: {name: any, count: number, tone: string}[], label: string}} props */
export function Stack({ parts, label }) {
  const sum = parts.reduce((sum, part) => sum + Number(part.count), 0);
  let from = 0;
  return html`<div role="img" aria-label=${`${label}: ${parts.map((part) => `${part.name} ${share(part.count, sum)}`).join(", ")}`}>
    <svg class="stack" viewBox="0 0 1000 12" preserveAspectRatio="none" width="100%" height="12" aria-hidden="true">
      ${parts.map((part) => {
        const width = sum ? (Number(part.count) / sum) * 1_000 : 0;
        from += width;
        return html`<rect key=${part.name} x=${from - width} width=${width} height="12" class="part ${part.tone}" />`;
      })}
    </svg>
    <div class="row hint">${parts.filter((part) => part.count > 0).map((part) => html`<span key=${part.name}>${part.name} ${count(part.count)} (${share(part.count, sum)})</span>`)}</div>
  </div>`;
}
