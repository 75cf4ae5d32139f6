// A long list of rows of equal height: only those near the screen are elements, whatever was scrolled.

import { useEffect, useState } from "preact/hooks";

/** Rows that are elements at most; the rest are two spaces of the right height. */
export const MOST = 120;
const AROUND = 20;

/**
 * Returns which rows to render.
 * @param {{count: number, rowHeight: number, top: number, viewHeight: number}} view `top`: pixels of the list above the screen
 */
export function visibleRows({ count, rowHeight, top, viewHeight }) {
  if (count <= MOST) return { from: 0, to: count };
  const fits = Math.ceil(viewHeight / rowHeight) + 2 * AROUND;
  const size = Math.min(MOST, fits);
  const from = Math.max(0, Math.min(count - size, Math.floor(top / rowHeight) - AROUND));
  return { from, to: Math.min(count, from + size) };
}

/** Follows how a list is scrolled by the page; calls back near its end. */
export function useWindow(ref, count, onEnd) {
  const [view, setView] = useState({ top: 0, viewHeight: 800, rowHeight: 36 });
  useEffect(() => {
    let frame = 0;
    const look = () => {
      frame = 0;
      const list = ref.current;
      if (!list) return;
      const rect = list.getBoundingClientRect();
      const rowHeight = list.querySelector("tbody tr[data-row]")?.getBoundingClientRect().height || 36;
      setView((before) => {
        const next = { top: Math.max(0, -rect.top), viewHeight: innerHeight, rowHeight };
        const isSame = Math.abs(next.top - before.top) < rowHeight * 5 && next.viewHeight === before.viewHeight && next.rowHeight === before.rowHeight;
        return isSame ? before : next;
      });
      if (rect.bottom < innerHeight + 600) onEnd?.();
    };
    const later = () => {
      frame ||= requestAnimationFrame(look);
    };
    addEventListener("scroll", later, { passive: true });
    addEventListener("resize", later);
    look();
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener("scroll", later);
      removeEventListener("resize", later);
    };
  }, [count, onEnd]);
  return { ...visibleRows({ count, ...view }), rowHeight: view.rowHeight };
}
