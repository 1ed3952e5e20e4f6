/** The figures of a run as tables of numbers. */

import { el } from "../dom.js";
import { table } from "../parts/table.js";
import { count, percent } from "../words.js";

/** @param {any[]} cells of the accuracy matrix @returns {HTMLElement} */
export function matrixTable(cells) {
  const tasks = [...new Set(cells.map((cell) => cell.on_task))].sort((a, b) => a - b);
  const rows = [...grouped(cells).entries()].sort(([a], [b]) => a - b);
  const mean = (/** @type {any[]} */ row) => row.reduce((sum, cell) => sum + cell.test_accuracy, 0) / row.length;
  return fold("Test accuracy in numbers", table({ caption: "Test accuracy: after which task, on which task", cards: false, rows, columns: [
    { title: "After task", head: true, numeric: true, cell: ([task]) => String(task) },
    ...tasks.map((task) => ({ title: `On ${task}`, numeric: true,
      cell: (/** @type {[number, any[]]} */ [, row]) => percent(row.find((cell) => cell.on_task === task)?.test_accuracy) })),
    { title: "Mean", numeric: true, cell: ([, row]) => percent(mean(row)) },
  ] }));
}

/** @param {any[]} cells @returns {Map<number, any[]>} */
function grouped(cells) {
  const rows = new Map();
  for (const cell of cells) rows.set(cell.after_task, [...(rows.get(cell.after_task) ?? []), cell]);
  return rows;
}

/** @param {any[]} layers capacity by task and layer @returns {HTMLElement} */
export function capacityTable(layers) {
  return fold("Capacity in numbers", table({ caption: "Neurons by task and hidden layer", cards: false, rows: layers, columns: [
    { title: "Task", head: true, numeric: true, cell: (row) => String(row.task) },
    { title: "Layer", numeric: true, cell: (row) => String(row.layer) },
    { title: "Neurons", numeric: true, cell: (row) => count(row.total_neurons) },
    { title: "Used", numeric: true, cell: (row) => count(row.used_neurons) },
    { title: "Used of all", numeric: true, cell: (row) => percent(row.used_fraction) },
    { title: "New", numeric: true, cell: (row) => count(row.new_neurons) },
    { title: "Reused", numeric: true, cell: (row) => count(row.reused_neurons) },
    { title: "Free", numeric: true, cell: (row) => count(row.free_neurons) },
  ] }));
}

/** @param {string} title @param {HTMLElement} content @returns {HTMLElement} */
function fold(title, content) {
  return el("details", { class: "fold" }, el("summary", {}, title), content);
}
