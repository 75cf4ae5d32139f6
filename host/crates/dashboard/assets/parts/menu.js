// A menu of actions behind a button, with the keys that menus have. While one is open, lists leave their rows as they are.

import { useEffect, useRef, useState } from "preact/hooks";

import { html } from "./html.js";

let open = 0;

/** Whether a menu is open anywhere. */
export function isMenuOpen() {
  return open > 0;
}

/** Returns where a menu fits: below its button or above it, outside of any box that scrolls. */
function placeBeside(root) {
  const { top, bottom, right } = root.querySelector("button").getBoundingClientRect();
  const width = document.documentElement.clientWidth;
  const beside = { right: `${Math.max(8, Math.min(width - right, width - 200))}px` };
  return bottom > innerHeight * 0.6 ? { ...beside, bottom: `${innerHeight - top + 4}px` } : { ...beside, top: `${bottom + 4}px` };
}

/** @param {{label: string, items: {text: string, run: () => void, why?: string|null}[]}} props `why` disables an item */
export function Menu({ label, items, children = "⋮" }) {
  const [isOpen, setOpen] = useState(false);
  const root = useRef(null);
  useEffect(() => {
    if (!isOpen) return undefined;
    open += 1;
    root.current.querySelector("li > button")?.focus();
    const outside = (event) => root.current?.contains(event.target) || setOpen(false);
    // It does not move with the page.
    const close = (event) => event.target?.closest?.("[role=menu]") || setOpen(false);
    addEventListener("pointerdown", outside);
    addEventListener("scroll", close, true);
    addEventListener("resize", close);
    return () => {
      open -= 1;
      removeEventListener("pointerdown", outside);
      removeEventListener("scroll", close, true);
      removeEventListener("resize", close);
    };
  }, [isOpen]);
  const close = () => {
    setOpen(false);
    root.current.querySelector("button").focus();
  };
  const onKeyDown = (event) => {
    if (!isOpen) return;
    const all = [...root.current.querySelectorAll("li > button")];
    const at = all.indexOf(document.activeElement);
    const move = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (move !== undefined) {
      event.preventDefault();
      all.at(move % all.length)?.focus();
    } else if (event.key === "Escape") {
      event.stopPropagation();
      close();
    } else if (event.key === "Tab") setOpen(false);
  };
  const choose = ({ run, why }) => {
    if (why) return;
    close();
    run();
  };
  return html`<div class="menu" ref=${root} onKeyDown=${onKeyDown}>
    <button type="button" class="plain" aria-haspopup="menu" aria-expanded=${isOpen} aria-label=${label} title=${label}
      onClick=${() => setOpen(!isOpen)}>${children}</button>
    ${isOpen && html`<ul role="menu" aria-label=${label} style=${placeBeside(root.current)}>
      ${items.map((item) => html`<li role="none" key=${item.text}>
        <button type="button" role="menuitem" tabindex="-1" aria-disabled=${Boolean(item.why)} title=${item.why ?? ""}
          onClick=${() => choose(item)}>${item.text}${item.why ? html` <span class="hint">${item.why}</span>` : ""}</button>
      </li>`)}
    </ul>`}
  </div>`;
}
