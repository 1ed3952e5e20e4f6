/** One trial: its values, its verdict, its epochs, its threshold curve, and its output. */

import { announce } from "../announce.js";
import { get, paths } from "../api.js";
import { el, settle } from "../dom.js";
import { follow, refreshing } from "../live.js";
import { digest } from "../parts/copy.js";
import { facts, figures } from "../parts/facts.js";
import { Figure } from "../parts/figure.js";
import { moment } from "../parts/moment.js";
import { errorPanel, loading, section } from "../parts/section.js";
import { standing, stateBadge } from "../parts/state.js";
import { table } from "../parts/table.js";
import { links } from "../router.js";
import { alpha, count, duration, NOTHING, number, percent, plural, sentence, share, thresholds } from "../words.js";
import { TrialOutput } from "./trial_output.js";

/** @param {string} run @param {number} task @param {number} trial @returns {import("../main.js").View} */
export function trialView(run, task, trial) {
  return { title: `Trial ${trial} · task ${task} · ${run}`, show: (place) => show(run, task, trial, place) };
}

/** @param {string} run @param {number} task @param {number} trial @param {import("../main.js").Place} place */
function show(run, task, trial, { box, signal }) {
  const path = paths.trial(run, task, trial);
  const header = el("div", { class: "run-header" }, loading()), rest = el("div", { class: "view" });
  const what = section("Facts"), curve = section("Threshold curve"), learning = section("Learning"), printed = section("Output");
  const numbers = { curve: el("div", {}), epochs: el("div", {}) }, interrupted = el("div", {});
  rest.hidden = true;
  box.append(header, rest);
  const drawn = [
    new Figure({ path: `${path}/figures/threshold-curve`, signal, table: numbers.curve,
      label: "Validation accuracy and free neurons against the threshold that the trial would be pruned at. The table below has the numbers." }),
    new Figure({ path: `${path}/figures/learning`, signal, table: numbers.epochs,
      label: "Validation accuracy, training loss and L1 penalty by epoch. The table below has the numbers." })];
  curve.box.append(drawn[0].element);
  learning.box.append(drawn[1].element, interrupted);
  const output = new TrialOutput(`${path}/output`, printed.box, signal);
  rest.append(el("div", { class: "two" }, curve.element, learning.element), what.element, printed.element);

  let state = "";
  const refresh = async () => {
    try {
      const [row, epochs, points, stage, whole] = await Promise.all([get(path, { signal }), get(`${path}/epochs`, { signal }),
        get(`${path}/curve`, { signal }), get(paths.stage(run, task), { signal }), get(paths.run(run), { signal })]);
      const prunes = whole.divides_the_network && row.role !== "teacher", last = row.state === "running" ? epochs.at(-1) : null;
      if (state && state !== row.state) announce(`Trial ${trial} is ${row.state} now.`);
      state = row.state;
      settle(header, [row, stage.trials_total, last, prunes], () => trialHeader(row, stage.trials_total,
        { prunes, last, epochs: row.role === "teacher" ? null : whole.config?.training?.epochs ?? null }));
      settle(what.box, [row, prunes], () => trialFacts(row, prunes));
      curve.element.hidden = !prunes;
      settle(numbers.epochs, epochs, () => epochs.length > 0 && epochTable(epochs));
      settle(numbers.curve, points, () => points.length > 0 && curveTable(points));
      settle(interrupted, row.state === "pending" && epochs.length > 0, (shown) => shown && el("p", { class: "note" },
        `Attempt ${epochs[0].attempt} was interrupted here. The next attempt continues from its last checkpoint, or restarts.`));
      rest.hidden = false;
      await Promise.all([
        prunes && drawn[0].refresh(points.length === 0 && (row.state === "failed" ? "a failed trial has no threshold curve"
          : "the threshold curve is measured when the training has ended")),
        drawn[1].refresh(epochs.length === 0 && (row.state === "failed" ? "it failed before its first epoch ended" : "no epoch has ended yet")),
        output.refresh(row)]);
    } catch (error) {
      const known = /** @type {any} */ (error);
      if (signal.aborted || (known.status === 0 && !rest.hidden)) return;
      rest.hidden = true;
      settle(header, { message: known.message, hint: known.hint }, () => errorPanel(error, () => nudge()));
    }
  };
  const nudge = refreshing(refresh, signal);
  follow(run, (message) => {
    if (message?.event !== "epochs" || message.data.some((/** @type {any} */ each) => each.task === task && each.number === trial)) nudge();
  }, signal);
}

/**
 * @param {any} trial @param {number} trials of its stage
 * @param {{ prunes: boolean, last: any, epochs: number | null }} how whether its method prunes; the last epoch of a running
   trial; the planned number of epochs
 * @returns {import("../dom.js").Child[]}
 */
function trialHeader(trial, trials, { prunes, last, epochs }) {
  const { run, task, number: n } = trial;
  const why = trial.verdict_reason ?? trial.failure_reason;
  return [
    el("div", { class: "title-row" }, el("h1", {}, `Trial ${n}`, el("span", { class: "of" }, " of ", el("a", { href: links.stage(run, task) }, `task ${task}`))),
      stateBadge(trial.state), el("nav", { class: "title-tools", "aria-label": "Other trials" },
        n > 0 && el("a", { class: "button quiet", href: links.trial(run, task, n - 1) }, `‹ Trial ${n - 1}`),
        n + 1 < trials && el("a", { class: "button quiet", href: links.trial(run, task, n + 1) }, `Trial ${n + 1} ›`))),
    el("div", { class: "verdict-line" }, standing(trial, prunes), why && el("p", { class: "reason" }, sentence(why))),
    figures([
      prunes && ["α", alpha(trial.alpha)], ["Learning rate", number(trial.learning_rate)],
      last && ["Epoch", epochs ? `${last.epoch} of ${epochs}` : String(last.epoch), `${percent(last.val_accuracy)} on validation`],
      ["Validation", share(trial.val_correct, trial.val_total), trial.val_correct !== null && `${count(trial.val_correct)} of ${count(trial.val_total)}${prunes ? ", unpruned" : ""}`],
      prunes && ["Pruned", share(trial.pruned_val_correct, trial.val_total), trial.pruned_val_correct !== null && `${count(trial.pruned_val_correct)} of ${count(trial.val_total)}`],
      prunes && ["Free neurons", share(trial.free_neurons, trial.hidden_total), trial.free_neurons !== null && `${count(trial.free_neurons)} of ${count(trial.hidden_total)}`],
      ["Training", duration(trial.train_seconds), trial.best_epoch !== null && `best epoch ${trial.best_epoch} of ${trial.epochs_run}`],
    ]),
  ];
}

/** @param {any} trial @param {boolean} prunes whether its method prunes @returns {HTMLElement} */
function trialFacts(trial, prunes) {
  return facts([
    prunes && ["α by layer", trial.alpha.map(number).join(", ")],
    ["θ* by layer", prunes && trial.thresholds && thresholds(trial.thresholds)],
    ["Seed", String(trial.seed)],
    ["Trained on", trial.host && `${trial.host}, ${trial.device ?? NOTHING}`],
    ["Attempts", trial.reused_from ? `reused from ${trial.reused_from}` : String(trial.attempts)],
    ["Time", trial.train_seconds !== null && `${duration(trial.train_seconds)} training, ${duration(trial.total_seconds)} in all`],
    ["Started", trial.started_at && moment(trial.started_at, { seconds: true })],
    ["Ended", trial.finished_at && moment(trial.finished_at, { seconds: true })],
    ["Weights", trial.artifact_digest && digest(trial.artifact_digest, "the digest of the weights")],
    ["Key", digest(trial.key, "the key of the trial")],
  ]);
}

/** @param {any[]} epochs @returns {HTMLElement} */
function epochTable(epochs) {
  const loss = (/** @type {number | null} */ value) => (value === null ? "not finite" : value.toFixed(4));
  return el("details", { class: "fold" }, el("summary", {}, `${plural(epochs.length, "epoch")} in numbers`), table({ caption: "Epochs", cards: false, rows: epochs, columns: [
    { title: "Epoch", head: true, numeric: true, cell: (row) => String(row.epoch) },
    { title: "Training loss", numeric: true, cell: (row) => loss(row.train_loss) },
    { title: "L1 penalty", numeric: true, cell: (row) => loss(row.l1_penalty) },
    { title: "Validation", numeric: true, cell: (row) => percent(row.val_accuracy) },
    { title: "Seconds", numeric: true, cell: (row) => row.seconds.toFixed(2) },
  ] }));
}

/** @param {any[]} points @returns {HTMLElement} */
function curveTable(points) {
  return el("details", { class: "fold" }, el("summary", {}, `${plural(points.length, "threshold")} in numbers`), table({ caption: "Threshold curve", cards: false, rows: points, columns: [
    { title: "Threshold", head: true, numeric: true, cell: (row) => String(Number(row.threshold.toPrecision(4))) },
    { title: "Validation", numeric: true, cell: (row) => percent(row.val_accuracy) },
    { title: "Free neurons", numeric: true, cell: (row) => count(row.free_neurons) },
    { title: "Free of all", numeric: true, cell: (row) => percent(row.sparsity) },
  ] }));
}
