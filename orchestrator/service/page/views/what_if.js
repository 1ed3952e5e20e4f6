/** What another margin would have chosen, from the records only: nothing is trained or changed. */

import { get, paths } from "../api.js";
import { el } from "../dom.js";
import { copyButton } from "../parts/copy.js";
import { errorPanel, loading, section } from "../parts/section.js";
import { verdictBadge } from "../parts/state.js";
import { table } from "../parts/table.js";
import { links } from "../router.js";
import { count, percent, plural, sentence } from "../words.js";

/** Maximum number of listed verdicts within the margin. */
const MOST_VERDICTS = 200;

/**
 * @param {{ run: string, task: number | null, signal: AbortSignal }} asked task: only this task; null: all tasks of the run
 * @returns {HTMLElement}
 */
export function whatIf({ run, task, signal }) {
  const { element, box } = section("What if: another margin");
  const margin = el("input", { inputmode: "decimal", size: "8", autocomplete: "off", placeholder: "0.5", required: true,
    "aria-describedby": "what-if-note" });
  const answer = el("div", { class: "answer", "aria-live": "polite" });
  const ask = async () => {
    answer.replaceChildren(loading("Searching the recorded trials…"));
    try {
      const found = await get(`${paths.run(run)}/what-if`, { query: { margin: margin.value.trim().replace(",", "."), task }, signal });
      answer.replaceChildren(...content(run, found));
    } catch (error) {
      if (!signal.aborted) answer.replaceChildren(errorPanel(error));
    }
  };
  box.append(
    el("form", { class: "filters", onsubmit: (/** @type {Event} */ event) => {
      event.preventDefault();
      ask();
    } },
    el("label", { class: "field" }, "Margin, percentage points", margin),
    el("button", { type: "submit", class: "button" }, "Show what it would choose")),
    el("p", { class: "note", id: "what-if-note" }, "Answered from the recorded trials: nothing is trained or changed."),
    answer);
  return element;
}

/** @param {string} run @param {any} found @returns {HTMLElement[]} */
function content(run, found) {
  const [consequence] = found.consequences, only = found.answers.length === 1 ? found.answers[0] : null;
  return [
    table({ caption: "What the margin would choose, by task", rows: found.answers, columns: [
      { title: "Task", head: true, numeric: true, cell: (row) => el("a", { href: links.stage(run, row.task) }, String(row.task)) },
      { title: "Chosen", numeric: true, cell: (row) => arrow(row.changed, row.recorded_chosen, row.chosen, (number) => String(number)) },
      { title: "Pruned", numeric: true, cell: (row) => arrow(row.changed, row.recorded_val_correct / row.val_total, row.val_accuracy, percent) },
      { title: "Free neurons", numeric: true, cell: (row) => arrow(row.changed, row.recorded_free_neurons, row.free_neurons, count) },
      { title: "Within the margin", numeric: true, cell: (row) => plural(row.picked.length, "trial") },
      { title: "In words", wide: true, cell: (row) => sentence(row.sentence) },
    ] }),
    consequence && el("p", { class: "consequence" }, consequence.sentence),
    consequence?.command && el("p", { class: "command" }, el("code", {}, consequence.command), " ", copyButton(() => consequence.command, "Copy the command")),
    ...found.cautions.map((/** @type {string} */ caution) => el("p", { class: "note" }, sentence(caution))),
    only && verdicts(run, only),
  ].filter(Boolean);
}

/**
 * @template T
 * @param {boolean} changed @param {T} was @param {T} would @param {(value: T) => string} text
 * @returns {import("../dom.js").Child[]} the old value, and the new one if it differs
 */
function arrow(changed, was, would, text) {
  if (!changed || text(was) === text(would)) return [text(would)];
  return [el("span", { class: "was" }, text(was)), el("span", { "aria-label": "would become" }, " → "), el("b", {}, text(would))];
}

/** @param {string} run @param {any} answer of one task @returns {HTMLElement | null} the trials within the margin */
function verdicts(run, answer) {
  const within = answer.verdicts.filter((/** @type {any} */ verdict) => verdict.val_correct !== null);
  if (within.length === 0) return null;
  const shown = within.slice(0, MOST_VERDICTS);
  return el("details", { class: "fold" }, el("summary", {}, `The ${plural(within.length, "trial")} within this margin`),
    table({ caption: "Trials within this margin", rows: shown, open: (row) => links.trial(run, answer.task, row.number), columns: [
      { title: "Trial", head: true, numeric: true, cell: (row) => el("a", { href: links.trial(run, answer.task, row.number) }, String(row.number)) },
      { title: "Pruned", numeric: true, cell: (row) => percent(row.val_correct / answer.val_total) },
      { title: "Free neurons", numeric: true, cell: (row) => count(row.free_neurons) },
      { title: "Known", cell: (row) => (row.exact ? "exactly" : "from its curve") },
      { title: "Verdict", wide: true, cell: (row) => [verdictBadge(row.verdict), el("small", {}, row.reason)] },
    ] }),
    within.length > shown.length && el("p", { class: "note" }, `The first ${count(shown.length)} are listed.`));
}
