/** Pagination of rows. */

import { el } from "../dom.js";
import { count } from "../words.js";

/**
 * @param {{ total: number, limit: number, offset: number }} page
 * @param {string} noun the name of the rows, `trials`
 * @param {(offset: number) => void} turn
 * @returns {HTMLElement}
 */
export function pager({ total, limit, offset }, noun, turn) {
  const last = Math.max(0, Math.floor((total - 1) / limit) * limit);
  const button = (/** @type {string} */ text, /** @type {string} */ label, /** @type {number} */ to, /** @type {boolean} */ can) => el(
    "button", { type: "button", class: "button tiny", "aria-label": label, "data-key": label, "aria-disabled": can ? null : "true",
      onclick: () => can && turn(to) }, text);
  return el("nav", { class: "pager", "aria-label": `Pages of ${noun}` },
    el("span", { class: "pager-count" }, total === 0 ? `no ${noun}`
      : `${count(offset + 1)} to ${count(Math.min(offset + limit, total))} of ${count(total)} ${noun}`),
    total > limit && [
      button("« First", "First page", 0, offset > 0), button("‹ Previous", "Previous page", Math.max(0, offset - limit), offset > 0),
      button("Next ›", "Next page", offset + limit, offset + limit < total), button("Last »", "Last page", last, offset < last)]);
}
