/** The facts of a stage, and its selection as text. */

import { el } from "../dom.js";
import { digest } from "../parts/copy.js";
import { facts } from "../parts/facts.js";
import { moment } from "../parts/moment.js";
import { progressBar } from "../parts/progress.js";
import { stateBadge } from "../parts/state.js";
import { links } from "../router.js";
import { architecture, capital, count, duration, percent, plural, points, ranges, share, thresholds } from "../words.js";

/**
 * @param {any} run @param {any} stage @param {string | null} doing the driver's current step of this task
 * @returns {import("../dom.js").Child[]}
 */
export function stageHeader(run, stage, doing) {
  const ended = stage.trials_finished + stage.trials_failed, total = stage.trials_total;
  const step = (/** @type {number} */ task, /** @type {string} */ text, /** @type {boolean} */ there) => (there
    ? el("a", { class: "button quiet", href: links.stage(run.name, task) }, text) : null);
  return [
    el("div", { class: "title-row" }, el("h1", {}, `Task ${stage.task}`, el("span", { class: "of" }, ` of ${run.name}`)), stateBadge(stage.state),
      el("nav", { class: "title-tools", "aria-label": "Other tasks" }, step(stage.task - 1, `‹ Task ${stage.task - 1}`, stage.task > run.first_task),
        step(stage.task + 1, `Task ${stage.task + 1} ›`, stage.task < run.tasks))),
    stage.reason && el("div", { class: stage.state === "failed" ? "error" : "note" }, el("p", { class: "reason" }, stage.reason)),
    el("div", { class: "run-progress" }, progressBar(total ? ended / total : 0, "Trials ended", stage.state),
      el("span", {}, doing && `${capital(doing)} · `, total ? [`${count(ended)} of ${plural(total, "trial")} ended`, stage.trials_running && `${count(stage.trials_running)} running`,
        stage.trials_failed && `${count(stage.trials_failed)} failed`].filter(Boolean).join(" · ") : "no trials yet")),
  ];
}

/** @param {any} stage @returns {HTMLElement} data, network, base */
export function stageFacts(stage) {
  const sweep = stage.sweep_started_at && stage.sweep_ended_at
    ? (Date.parse(stage.sweep_ended_at) - Date.parse(stage.sweep_started_at)) / 1000 : null;
  return facts([
    ["Data", stage.train_total !== null && `${count(stage.train_total)} training, ${count(stage.val_total)} validation, ${count(stage.test_total)} test samples; ${stage.classes} classes`],
    ["Network", stage.architecture ? architecture(stage.architecture) : "unknown until the task begins"],
    ["Base", stage.base_digest ? ["commit ", digest(stage.base_digest, "the digest of the base")] : stage.architecture && "an empty network"],
    ["Environment", stage.environment && Object.entries(stage.environment).map(([key, value]) => (key === "device" ? value : `${key} ${value}`)).join(", ")],
    ["Sweep", stage.sweep_started_at && [moment(stage.sweep_started_at), sweep !== null && `, ${duration(sweep)}`]],
    ["Ended", stage.ended_at && moment(stage.ended_at)],
    ["Data split", stage.split_digest && digest(stage.split_digest, "the digest of the data split")],
  ]);
}

/** @param {any} run @param {any} selection @param {number} trials of the stage @returns {import("../dom.js").Child[]} */
export function selectionText(run, selection, trials) {
  const few = selection.picked.length <= 40;
  const lead = el("p", { class: "lead" }, el("a", { href: links.trial(run.name, selection.task, selection.chosen) }, `Trial ${selection.chosen}`),
    ` was chosen: ${selection.reason}.`);
  if (!run.divides_the_network) {
    return [lead, el("p", {}, `Method ${run.method} prunes nothing, so there is no margin: it takes the most accurate of ${plural(trials, "trial")}.`),
      facts([["Selected", moment(selection.created_at)]])];
  }
  return [
    lead,
    el("p", {}, `The best of ${plural(trials, "trial")} reached ${share(selection.best_val_correct, selection.val_total)} on validation. Within the margin of `
      + `${points(selection.margin_points)}: ${few ? `${selection.picked.length === 1 ? "trial" : "trials"} ${ranges(selection.picked)}` : plural(selection.picked.length, "trial")}.`),
    el("p", {}, `Pruned at threshold ${thresholds(selection.thresholds)} it has ${share(selection.pruned_val_correct, selection.val_total)} and `
      + `${count(selection.free_neurons)} of ${count(selection.hidden_total)} hidden neurons free (${percent(selection.free_neurons / selection.hidden_total)}).`),
    facts([["Rule", selection.rule], ["Price of capacity", selection.capacity_weight_points && points(selection.capacity_weight_points)],
      ["Scan", duration(selection.scan_seconds)], ["Selected", moment(selection.created_at)]]),
  ];
}
