/** One run: its state, its sequence of tasks, its results, its events, and its actions. */

import { announce } from "../announce.js";
import { get, getIfThere, paths } from "../api.js";
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
  const commits = section("Commits"), events = section("Events"), facts = section("Environment and config");
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
  const actions = runActions(run, signal, () => nudge()), driver = el("div", { class: "run-driver" });
  const asking = whatIf({ run, task: null, signal });
  asking.hidden = capacity.element.hidden = true; // until the method is known to divide the network
  rest.append(actions.element, driver, sequence.element, el("div", { class: "two" }, accuracy.element, capacity.element),
    asking, commits.element, events.element, facts.element);

  let state = "";
  const refresh = async () => {
    try {
      const [jobs, found, stages, cells, layers, made, asked] = await Promise.all([getIfThere("/jobs", { signal }),
        ...["", "/stages", "/accuracy", "/capacity", "/commits", "/requests"].map((path) => get(paths.run(run) + path, { signal }))]);
      const job = jobs?.find((/** @type {any} */ each) => each.run === run) ?? null, row = withDriver(found, job);
      asking.hidden = capacity.element.hidden = !row.divides_the_network;
      if (state && state !== row.state) announce(`The run is ${row.state} now.`);
      state = row.state;
      settle(header, { ...row, heartbeat_at: null }, () => runHeader(row));
      settle(sequence.box, blocks(row, stages, cells), (shown) => strip(run, shown));
      settle(numbers.accuracy, cells, () => cells.length > 0 && matrixTable(cells));
      settle(numbers.capacity, layers, () => layers.length > 0 && capacityTable(layers));
      settle(commits.box, [made, cells], () => (made.length ? commitTable(row, made, cells)
        : empty("No task is committed yet. A commit follows when all trials of a task have ended and one was selected.")));
      settle(facts.box, [row.environment, row.config, row.package_versions, row.config_digest], () => runFacts(row));
      actions.show(row, asked);
      log.reach(row.last_event?.id ?? 0);
      rest.hidden = false;
      showDriver(job, driver, signal);
      const nothing = made.length === 0 && "no task is committed yet";
      await Promise.all([drawn[0].refresh(nothing), row.divides_the_network && drawn[1].refresh(nothing)]);
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
    if (message?.event !== "epochs") nudge();
  }, signal);
}

/**
 * A run as displayed: "starting" while a driver that this service started does not hold the run yet.
 *
 * @param {any} run @param {any} job the latest driver that was started here, or null @returns {any}
 */
function withDriver(run, job) {
  const begins = run.state === "stopped" && job?.state === "running"
    && !(run.last_event && Date.parse(run.last_event.at) > Date.parse(job.started_at));
  return begins ? { ...run, state: "starting", step: "starting the driver" } : run;
}

/** @param {any} run @param {any[]} stages @param {any[]} cells of the accuracy matrix */
function blocks(run, stages, cells) {
  const latest = Math.max(...cells.map((cell) => cell.after_task));
  const accuracy = (/** @type {number} */ after, /** @type {number} */ on) => cells.find((cell) => cell.after_task === after && cell.on_task === on)?.test_accuracy ?? null;
  return stages.map((stage) => ({ task: stage.task, name: run.learns_at_once ? `Tasks 1 to ${stage.task}` : `Task ${stage.task}`,
    state: stageState(stage.state, run.state), total: stage.trials_total, done: stage.trials_finished + stage.trials_failed,
    ...(run.learns_at_once ? { accuracy: run.mean_test_accuracy, learnt: null }
      : { accuracy: accuracy(latest, stage.task), learnt: accuracy(stage.task, stage.task) }) }));
}
