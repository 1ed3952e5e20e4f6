/** One task of a run: its facts, its selection with the reason, and all its trials. */

import { announce } from "../announce.js";
import { get, getIfThere, paths } from "../api.js";
import { el, settle } from "../dom.js";
import { follow, refreshing } from "../live.js";
import { Figure } from "../parts/figure.js";
import { empty, errorPanel, loading, section } from "../parts/section.js";
import { stageState } from "../parts/state.js";
import { links } from "../router.js";
import { selectionText, stageFacts, stageHeader } from "./stage_header.js";
import { TrialTable } from "./stage_trials.js";
import { tuningText } from "./stage_tuning.js";
import { whatIf } from "./what_if.js";

/** @param {string} run @param {number} task @returns {import("../main.js").View} */
export function stageView(run, task) {
  return { title: `Task ${task} · ${run}`, show: (place) => show(run, task, place) };
}

/** @param {string} run @param {number} task @param {import("../main.js").Place} place */
function show(run, task, { box, query, signal }) {
  const path = paths.stage(run, task);
  const header = el("div", { class: "run-header" }, loading()), rest = el("div", { class: "view" });
  const facts = section("Task"), selection = section("Selection"), picture = section("Accuracy against sparsity"), list = section("Trials");
  const tuning = section("Fine-tuning"), tuningWords = el("div"), curve = new Figure({ path: `${path}/figures/search`, signal,
    label: "Each candidate of the search: validation accuracy before and after fine-tuning against its neurons. The table of candidates has the numbers." });
  tuning.box.append(tuningWords, curve.element);
  rest.hidden = true;
  box.append(header, rest);
  const figure = new Figure({ path: `${path}/figures/trials`, signal,
    caption: "A click on a point opens its trial.",
    label: "Each trial after pruning: validation accuracy against free neurons, with the margin and the chosen trial. The table of trials has the numbers.",
    picked: (datum) => { if (Number.isInteger(datum.number)) location.hash = links.trial(run, task, datum.number); } });
  picture.box.append(figure.element);
  const trials = new TrialTable(run, task, query, list.box, signal);
  const asking = whatIf({ run, task, signal });
  asking.hidden = picture.element.hidden = tuning.element.hidden = true; // until the method is known to prune, and to fine-tune
  rest.append(el("div", { class: "two" }, facts.element, selection.element), picture.element, tuning.element, asking, list.element);

  let state = "";
  const refresh = async () => {
    try {
      const [stage, row] = await Promise.all([get(path, { signal }), get(paths.run(run), { signal })]);
      const chosen = stage.selected_at ? await getIfThere(`${path}/selection`, { signal }) : null;
      const commits = stage.state === "committed" ? await get(`${paths.run(run)}/commits`, { signal }) : [];
      const commit = commits.find((/** @type {any} */ each) => each.task === task && each.fine_tuning) ?? null;
      if (state && state !== stage.state) announce(`Task ${task} is ${stage.state} now.`);
      state = stage.state;
      const prunes = row.divides_the_network, open = row.learns_at_once || task === row.tasks_committed + 1;
      const step = open && stage.state !== "committed" ? row.step : null;
      asking.hidden = picture.element.hidden = !prunes;
      settle(header, [stage, row.tasks, row.state, step], () => stageHeader(row, { ...stage, state: stageState(stage.state, row.state) }, step));
      settle(facts.box, stage, () => stageFacts(stage));
      settle(selection.box, [chosen, stage.trials_total], () => (chosen ? selectionText(row, chosen, stage.trials_total)
        : empty("Nothing is selected yet. The selection follows when every trial has ended.")));
      tuning.element.hidden = commit === null;
      curve.element.hidden = !commit?.search;
      settle(tuningWords, commit, () => (commit ? tuningText(commit) : []));
      rest.hidden = false;
      trials.of(row);
      await Promise.all([trials.refresh(), commit?.search && curve.refresh(), prunes && figure.refresh(stage.trials_finished === 0 && "no trial has a result yet")]);
    } catch (error) {
      const known = /** @type {any} */ (error);
      if (signal.aborted || (known.status === 0 && !rest.hidden)) return;
      rest.hidden = true;
      settle(header, { message: known.message, hint: known.hint }, () => errorPanel(error, () => nudge()));
    }
  };
  const nudge = refreshing(refresh, signal);
  follow(run, (message) => {
    if (message?.event === "epochs") trials.hear(message.data.filter((/** @type {any} */ each) => each.task === task));
    else nudge();
  }, signal);
}
