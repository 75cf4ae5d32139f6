// A chart as a table, for those who rather read, or cannot see it.

import { html } from "../parts/html.js";
import { absolute } from "../parts/timestamp.js";

/** @param {{caption: string, times: number[], columns: {name: string, values: (number|null)[], write: (value: any) => string}[]}} props */
export function AsTable({ caption, times, columns }) {
  return html`<div class="scroll" tabindex="0" role="group" aria-label=${caption}><table>
    <caption class="visually-hidden">${caption}</caption>
    <thead><tr><th scope="col">time</th>${columns.map(({ name }) => html`<th scope="col" class="number" key=${name}>${name}</th>`)}</tr></thead>
    <tbody>${times.map((time, at) => html`<tr key=${time}>
      <th scope="row">${absolute(time, "local")}</th>
      ${columns.map(({ name, values, write }) => html`<td class="number" key=${name}>${values[at] === null || values[at] === undefined ? "–" : write(values[at])}</td>`)}
    </tr>`).reverse()}</tbody>
  </table></div>`;
}
