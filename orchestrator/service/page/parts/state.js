/** The state of a run, stage or trial as text, with a dot of corresponding colour and shape. */

import { el } from "../dom.js";

/** Verdict on a trial that is not chosen by a method without a margin. */
export const LESS_ACCURATE = "less accurate";

/** States of a task in progress. */
const UNDER_WAY = ["sweeping", "selecting", "committing"];

/** @param {string} state @returns {HTMLElement} */
export function stateBadge(state) {
  return el("span", { class: "state", "data-state": state }, el("i", { class: "dot", "aria-hidden": "true" }), state);
}

/**
 * The displayed state of a task: that of its run if the task is in progress and the run is stopped or cancelled.
 *
 * @param {string} stage @param {string} run their states @returns {string}
 */
export function stageState(stage, run) {
  return ["stopped", "cancelled"].includes(run) && UNDER_WAY.includes(stage) ? run : stage;
}

/**
 * @param {string} verdict @param {boolean} [prunes] whether the method prunes; others have no margin
 * @returns {HTMLElement} a verdict on a trial, in the selector's words
 */
export function verdictBadge(verdict, prunes = true) {
  return el("span", { class: "verdict", "data-verdict": verdict }, !prunes && verdict === "outside margin" ? LESS_ACCURATE : verdict);
}

/**
 * The verdict on a trial, or its state if there is none.
 *
 * @param {any} trial @param {boolean} [prunes] as in {@link verdictBadge} @returns {HTMLElement}
 */
export function standing(trial, prunes = true) {
  if (trial.failure_kind) return verdictBadge(`failed: ${trial.failure_kind}`);
  if (trial.role === "teacher" && trial.state === "finished") return verdictBadge("teacher");
  return trial.verdict ? verdictBadge(trial.verdict, prunes) : stateBadge(trial.state);
}
