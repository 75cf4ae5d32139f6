// Templates: Preact elements written as HTML, parsed by htm at run time. They make elements and text nodes, never HTML.

import { h } from "preact";
import htm from "htm";

export const html = htm.bind(h);

/** Joins the names of classes that apply. */
export function classes(...names) {
  return names.filter(Boolean).join(" ") || undefined;
}
