/** Lists of names with values. */

import { el } from "../dom.js";

/**
 * @typedef {import("../dom.js").Child} Child
 * @param {(readonly [string, Child | Child[]] | null | false)[]} rows rows without a value are omitted
 * @returns {HTMLElement}
 */
export function facts(rows) {
  return el("dl", { class: "facts" }, rows.filter((row) => row && row[1] !== null && row[1] !== undefined && row[1] !== false && row[1] !== "")
    .map((row) => el("div", {}, el("dt", {}, row && row[0]), el("dd", {}, row && row[1]))));
}

/**
 * Key numbers in large type.
 *
 * @param {(readonly [string, Child | Child[], (Child | Child[])?] | null | false)[]} rows name, value, and a line below it
 * @returns {HTMLElement}
 */
export function figures(rows) {
  return el("dl", { class: "numbers" }, rows.filter(Boolean).map((row) => el("div", {},
    el("dt", {}, row && row[0]), el("dd", {}, row && row[1], row && row[2] && el("small", {}, row[2])))));
}
