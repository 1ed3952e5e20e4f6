/** The sequence of a run: a block per task, which leads to its stage. */

import { el } from "../dom.js";
import { links } from "../router.js";
import { count, percent } from "../words.js";
import { arrowKeys } from "./arrows.js";
import { progressBar } from "./progress.js";
import { stateBadge } from "./state.js";

/**
 * @param {string} run
 * @param {{ task: number, state: string, done: number, total: number, accuracy: number | null }[]} blocks accuracy: on the
 *   test set of the task, as committed
 * @returns {HTMLElement}
 */
export function strip(run, blocks) {
  const list = el("ol", { class: "strip" }, blocks.map(({ task, state, done, total, accuracy }) => {
    const trials = total ? `${count(done)} / ${count(total)} trials` : "no trials yet";
    const words = `Task ${task}, ${state}, ${trials.replace(" / ", " of ")}${accuracy === null ? "" : `, test accuracy ${percent(accuracy)}`}`;
    return el("li", {}, el("a", { href: links.stage(run, task), class: "block", "data-state": state, "aria-label": words },
      el("span", { class: "block-head" }, el("b", {}, `Task ${task}`), stateBadge(state)),
      el("span", { class: "block-number" }, accuracy === null ? "" : percent(accuracy)),
      el("span", { class: "block-trials" }, trials),
      progressBar(total ? done / total : 0, "trials done", state)));
  }));
  const open = blocks.findIndex(({ state }) => state !== "committed");
  arrowKeys(list, open < 0 ? 0 : open);
  return list;
}
