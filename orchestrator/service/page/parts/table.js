/**
 * A table: headers with a scope, aligned numbers, sortable columns, and cards on narrow screens.
 *
 * @template T
 * @typedef {{ title: string, cell: (row: T) => import("../dom.js").Child | import("../dom.js").Child[], numeric?: boolean,
 *   sort?: string, head?: boolean, wide?: boolean }} Column
 *   sort: the service's name of this order; head: names its row; wide: takes a whole line in a card
 */

import { el } from "../dom.js";

/**
 * @template T
 * @param {{ caption: string, columns: (Column<T> | null | false)[], rows: T[], sorted?: string,
 *   onSort?: (order: string) => void, open?: (row: T) => string, cards?: boolean }} table cards: on narrow screens, a card per row;
 *   sorted: the order of the rows, `-name` for descending; open: the address that a click on a row opens
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
