/** A progress bar with a text alternative. */

import { el } from "../dom.js";

/**
 * @param {number | null | undefined} fraction from 0 to 1
 * @param {string} label what is measured, for screen readers
 * @param {string} [state] sets the colour of the bar
 * @returns {HTMLElement}
 */
export function progressBar(fraction, label, state = "") {
  const done = Math.min(1, Math.max(0, fraction ?? 0));
  const fill = el("span", { class: "bar-fill" });
  fill.style.width = `${100 * done}%`;
  return el("span", { class: "bar", role: "progressbar", "aria-label": label, "aria-valuemin": "0", "aria-valuemax": "100",
    "aria-valuenow": Math.floor(100 * done), "data-state": state || null }, fill);
}
