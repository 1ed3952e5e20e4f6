/** One run: where it stands, its sequence of tasks, what it achieved, what happened, and what can be done about it. */

import { announce } from "../announce.js";
import { get, paths } from "../api.js";
import { el, settle } from "../dom.js";
import { follow, refreshing } from "../live.js";
import { Figure } from "../parts/figure.js";
import { empty, errorPanel, loading, section } from "../parts/section.js";
import { stageState } from "../parts/state.js";
import { strip } from "../parts/strip.js";
import { runActions } from "./run_actions.js";
import { commitTable } from "./run_commits.js";
import { showDriver } from "./run_driver.js";
import { EventLog } from "./run_events.js";
import { runFacts, runHeader } from "./run_header.js";
import { capacityTable, matrixTable } from "./run_tables.js";
import { whatIf } from "./what_if.js";

/** @param {string} run @returns {import("../main.js").View} */
export function runView(run) {
  return { title: run, show: (place) => show(run, place) };
}

/** @param {string} run @param {import("../main.js").Place} place */
function show(run, { box, signal }) {
  const header = el("div", { class: "run-header" }, loading());
  const rest = el("div", { class: "view" });
  const sequence = section("Sequence");
  const accuracy = section("Test accuracy"), capacity = section("Capacity");
  const commits = section("Commits"), events = section("What happened"), facts = section("Environment and config");
  rest.hidden = true;
  box.append(header, rest);
  const numbers = { accuracy: el("div", {}), capacity: el("div", {}) };
  const drawn = [
    new Figure({ path: `${paths.run(run)}/figures/accuracy`, signal, table: numbers.accuracy,
      label: "Heat map of the test accuracy of every commit on every task so far. The table below it has the numbers." }),
    new Figure({ path: `${paths.run(run)}/figures/capacity`, signal, table: numbers.capacity,
      label: "Neurons of each hidden layer after each task: reused, new, earlier, free. The table below it has the numbers." })];
  accuracy.box.append(drawn[0].element);
  capacity.box.append(drawn[1].element);
  const log = new EventLog(run, events.box, signal);
  const actions = runActions(run, signal, () => nudge()), driver = el("div", {});
  rest.append(actions.element, driver, sequence.element, el("div", { class: "two" }, accuracy.element, capacity.element),
    whatIf({ run, task: null, signal }), commits.element, events.element, facts.element);

  let state = "";
  const refresh = async () => {
    try {
      const [row, stages, cells, layers, made, asked] = await Promise.all(
        ["", "/stages", "/accuracy", "/capacity", "/commits", "/requests"].map((path) => get(paths.run(run) + path, { signal })));
      if (state && state !== row.state) announce(`The run is ${row.state} now.`);
      state = row.state;
      settle(header, { ...row, heartbeat_at: null }, () => runHeader(row));
      settle(sequence.box, blocks(row.state, stages, cells), (shown) => strip(run, shown));
      settle(numbers.accuracy, cells, () => cells.length > 0 && matrixTable(cells));
      settle(numbers.capacity, layers, () => layers.length > 0 && capacityTable(layers));
      settle(commits.box, [made, cells], () => (made.length ? commitTable(run, made, cells)
        : empty("No task is committed yet. A commit follows when all trials of a task have ended and one was selected.")));
      settle(facts.box, [row.environment, row.config, row.package_versions, row.config_digest], () => runFacts(row));
      actions.show(row, asked);
      log.reach(row.last_event?.id ?? 0);
      rest.hidden = false;
      await Promise.all([showDriver(run, driver, signal), ...drawn.map((figure) => figure.refresh())]);
    } catch (error) {
      const known = /** @type {any} */ (error);
      if (signal.aborted || (known.status === 0 && !rest.hidden)) return;
      rest.hidden = true;
      settle(header, { message: known.message, hint: known.hint }, () => errorPanel(error, () => nudge()));
    }
  };
  const nudge = refreshing(refresh, signal);
  follow(run, (message) => {
    if (message?.event === "event") log.add([message.data]);
    nudge();
  }, signal);
}

/** @param {string} state of the run @param {any[]} stages @param {any[]} cells of the accuracy matrix */
function blocks(state, stages, cells) {
  return stages.map((stage) => ({ task: stage.task, state: stageState(stage.state, state), total: stage.trials_total,
    done: stage.trials_finished + stage.trials_failed,
    accuracy: cells.find((cell) => cell.after_task === stage.task && cell.on_task === stage.task)?.test_accuracy ?? null }));
}
