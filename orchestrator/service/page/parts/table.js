/**
 * A table of rows: headers with a scope, numbers aligned, an order that can be asked for, and cards where it is narrow.
 *
 * @template T
 * @typedef {{ title: string, cell: (row: T) => import("../dom.js").Child | import("../dom.js").Child[], numeric?: boolean,
 *   sort?: string, head?: boolean, wide?: boolean }} Column
 *   sort: what the service calls this order; head: names its row; wide: takes a line of its own in a card
 */

import { el } from "../dom.js";

/**
 * @template T
 * @param {{ caption: string, columns: (Column<T> | null | false)[], rows: T[], sorted?: string,
 *   onSort?: (order: string) => void, open?: (row: T) => string, cards?: boolean }} table cards: where it is narrow, a card per row;
 *   sorted: the order the rows are in, `-name` for downwards; open: the address that a click on a row leads to
 * @returns {HTMLElement}
 */
export function table({ caption, columns, rows, sorted = "", onSort, open, cards = true }) {
  const shown = /** @type {Column<T>[]} */ (columns.filter(Boolean));
  const body = el("tbody", {}, rows.map((row) => el("tr", { class: open ? "opens" : null, onclick: open && ((/** @type {MouseEvent} */ event) => {
    const inside = /** @type {Element} */ (event.target).closest("a, button, summary, input");
    if (!inside && !String(getSelection())) location.hash = open(row);
  }) }, shown.map((column) => el(column.head ? "th" : "td", {
    scope: column.head ? "row" : null, class: [column.numeric && "number", column.wide && "wide-cell"].filter(Boolean).join(" ") || null,
    "data-title": column.title }, el("div", { class: "cell" }, column.cell(row)))))));
  return el("div", { class: "table-box", "data-scrolls": true, tabindex: "0", role: "region", "aria-label": caption },
    el("table", { class: cards ? "cards" : null }, el("caption", { class: "unseen" }, caption),
      el("thead", {}, el("tr", {}, shown.map((column) => header(column, sorted, onSort)))), body));
}

/**
 * @template T
 * @param {Column<T>} column @param {string} sorted @param {((order: string) => void) | undefined} onSort
 * @returns {HTMLElement}
 */
function header(column, sorted, onSort) {
  const up = column.sort && sorted === column.sort, down = column.sort && sorted === `-${column.sort}`;
  const direction = up ? "ascending" : down ? "descending" : null;
  const sign = el("span", { class: "sort-sign", "aria-hidden": "true" }, up ? "▲" : down ? "▼" : "▾");
  return el("th", { scope: "col", class: column.numeric ? "number" : null, "aria-sort": direction },
    column.sort && onSort
      ? el("button", { type: "button", class: "sort", "data-key": `sort-${column.sort}`,
        onclick: () => onSort(down ? String(column.sort) : up || column.sort !== "number" ? `-${column.sort}` : String(column.sort)) },
      column.title, sign)
      : column.title);
}
