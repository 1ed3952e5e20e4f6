/** What fine-tuning did to the network of a task, and the candidates of its search. */

import { el } from "../dom.js";
import { table } from "../parts/table.js";
import { count, duration, plural, share, thresholds } from "../words.js";

/** @param {any} commit of the task @returns {import("../dom.js").Child[]} */
export function tuningText(commit) {
  const rounds = commit.fine_tuning, total = commit.val_total, search = commit.search;
  if (rounds.length === 0) return [el("p", {}, "Fine-tuning had nothing to train: no neuron of the last hidden layer was left after pruning.")];
  return [
    el("p", { class: "lead" }, source(rounds[0].teachers)),
    table({ caption: "Rounds of fine-tuning", rows: rounds, columns: [
      { title: "Round", head: true, numeric: true, cell: (row) => String(row.round) },
      { title: "Threshold", numeric: true, cell: (row) => thresholds(row.thresholds) },
      { title: "Free neurons", numeric: true, cell: (row) => count(row.free_neurons) },
      { title: "Pruned", numeric: true, cell: (row) => share(row.pruned_val_correct, total) },
      { title: "Fine-tuned", numeric: true, cell: (row) => share(row.val_correct, total) },
      { title: "Epoch", numeric: true, cell: (row) => `${row.best_epoch} of ${row.epochs_run}` },
      { title: "Time", numeric: true, cell: (row) => duration(row.seconds) },
    ] }),
    ...(search ? searchText(search) : []),
  ];
}

/** @param {number | null} teachers @returns {string} what the network was fine-tuned on */
function source(teachers) {
  if (teachers === null) return "Fine-tuned on the labels.";
  return teachers ? `Distilled from ${plural(teachers, "teacher")}.` : "Fine-tuned on the labels: no teacher was left.";
}

/** @param {any} search @returns {import("../dom.js").Child[]} */
function searchText(search) {
  const total = search.val_total, chosen = search.candidates[search.chosen];
  const found = search.within_margin
    ? `Of ${plural(search.candidates.length, "candidate")} the sparsest within the margin is cut ${chosen.cut}.`
    : `None of ${plural(search.candidates.length, "candidate")} is within the margin, so the network pruned at θ* was committed.`;
  const rows = search.final ? [...search.candidates, search.final] : search.candidates;
  return [
    el("p", {}, `${found} The margin requires ${share(search.required_val_correct, total)}; the best of the ${search.reference} has ${share(search.reference_val_correct, total)}.`),
    table({ caption: "Candidates of the search", rows, columns: [
      { title: "Cut", head: true, numeric: true, cell: (row) => String(row.cut) },
      { title: "Neurons", numeric: true, cell: (row) => count(row.neurons.reduce((/** @type {number} */ sum, /** @type {number} */ layer) => sum + layer, 0)) },
      { title: "By layer", numeric: true, cell: (row) => row.neurons.map(count).join(" / ") },
      { title: "Cut to", numeric: true, cell: (row) => share(row.pruned_val_correct, total) },
      { title: "Fine-tuned", numeric: true, cell: (row) => share(row.val_correct, total) },
      { title: "Epoch", numeric: true, cell: (row) => `${row.best_epoch} of ${row.epochs_run}` },
      { title: "Time", numeric: true, cell: (row) => duration(row.seconds) },
      { title: "Choice", cell: (row) => (row === search.final ? "trained further" : row.cut === search.chosen ? "committed" : row.val_correct >= search.required_val_correct ? "" : "outside the margin") },
    ] }),
  ];
}
