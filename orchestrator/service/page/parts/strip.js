/** The sequence of a run: a block per task, which links to its stage. */

import { el } from "../dom.js";
import { links } from "../router.js";
import { count, percent } from "../words.js";
import { arrowKeys } from "./arrows.js";
import { progressBar } from "./progress.js";
import { stateBadge } from "./state.js";

/**
 * @param {string} run
 * @param {{ task: number, name: string, state: string, done: number, total: number, accuracy: number | null,
 *   learnt: number | null }[]} blocks accuracy: of the last commit on the test set of the task; learnt: that of the task's own
 * @returns {HTMLElement}
 */
export function strip(run, blocks) {
  const list = el("ol", { class: "strip" }, blocks.map(({ task, name, state, done, total, accuracy, learnt }) => {
    const trials = total ? `${count(done)} / ${count(total)} trials` : "no trials yet";
    const before = accuracy !== null && learnt !== null && percent(learnt) !== percent(accuracy) ? `${percent(learnt)} when learnt` : "";
    const words = `${name}, ${state}, ${trials.replace(" / ", " of ")}${accuracy === null ? "" : `, test accuracy ${percent(accuracy)}`}${before && `, ${before}`}`;
    return el("li", {}, el("a", { href: links.stage(run, task), class: "block", "data-state": state, "aria-label": words },
      el("span", { class: "block-head" }, el("b", {}, name), stateBadge(state)),
      el("span", { class: "block-number" }, accuracy === null ? "" : percent(accuracy), before && el("small", {}, before)),
      el("span", { class: "block-trials" }, trials),
      progressBar(total ? done / total : 0, "trials done", state)));
  }));
  const open = blocks.findIndex(({ state }) => state !== "committed");
  arrowKeys(list, open < 0 ? 0 : open);
  return list;
}
