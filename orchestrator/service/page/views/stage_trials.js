/** All trials of a stage, page by page; the service sorts and filters, so that ten thousand are as fast as fifty. */

import { get, paths } from "../api.js";
import { el, settle } from "../dom.js";
import { pager } from "../parts/pager.js";
import { empty, errorPanel, loading } from "../parts/section.js";
import { LESS_ACCURATE, standing } from "../parts/state.js";
import { table } from "../parts/table.js";
import { links, remember } from "../router.js";
import { alpha, count, number, percent, share } from "../words.js";

const LIMIT = 50;
const STATES = ["pending", "running", "finished", "failed"];
const VERDICTS = ["chosen", "sparser one exists", "better trade-off exists", "worse tie", "outside margin", "failed"];
const ORDERS = { number: "number", "-number": "number, last first", "-val_accuracy": "validation, best first", val_accuracy: "validation, worst first",
  "-free_neurons": "free neurons, most first", free_neurons: "free neurons, fewest first" };
/** Verdicts and orders of methods that prune. */
const OF_PRUNING = ["sparser one exists", "better trade-off exists", "free_neurons", "-free_neurons"];

export class TrialTable {
  #run; #task; #signal; #list; #order; #verdict;
  #asked;
  #prunes = true;
  /** @type {number | null} */ #epochs = null;
  /** The last epochs of running trials, by number. @type {Map<number, any>} */ #heard = new Map();
  /** @type {any} */ #page = null;

  /**
   * @param {string} run @param {number} task
   * @param {Record<string, string>} query of the address: sort, state, verdict, offset
   * @param {HTMLElement} box @param {AbortSignal} signal
   */
  constructor(run, task, query, box, signal) {
    [this.#run, this.#task, this.#signal] = [run, task, signal];
    this.#asked = { sort: query.sort ?? "number", state: query.state ?? "", verdict: query.verdict ?? "", offset: Number(query.offset) || 0 };
    this.#list = el("div", {}, loading());
    this.#order = el("select", { onchange: (/** @type {any} */ event) => this.#ask({ sort: event.target.value }) },
      Object.entries(ORDERS).map(([value, text]) => el("option", { value, selected: value === this.#asked.sort }, text)));
    const choice = (/** @type {"state" | "verdict"} */ key, /** @type {string} */ title, /** @type {string[]} */ values) => el("label", { class: "field" }, title,
      el("select", { onchange: (/** @type {any} */ event) => this.#ask({ [key]: event.target.value }) }, el("option", { value: "" }, "all"),
        values.map((value) => el("option", { value, selected: value === this.#asked[key] }, value))));
    this.#verdict = choice("verdict", "Verdict", VERDICTS);
    box.append(el("div", { class: "filters", role: "group", "aria-label": "Filter trials" },
      choice("state", "State", STATES), this.#verdict,
      el("label", { class: "field" }, "Order", this.#order)), this.#list);
  }

  /** Set the run of the trials. @param {any} run its row */
  of(run) {
    this.#epochs = run.config?.training?.epochs ?? null;
    if (run.divides_the_network || !this.#prunes) return;
    this.#prunes = false;
    for (const option of [...this.#verdict.querySelectorAll("option"), ...this.#order.querySelectorAll("option")]) {
      if (OF_PRUNING.includes(option.value)) option.remove();
      else if (option.value === "outside margin") option.textContent = LESS_ACCURATE;
    }
  }

  /** Show the epochs that running trials have reached. @param {any[]} epochs epochs of the stream */
  hear(epochs) {
    for (const each of epochs) this.#heard.set(each.number, each);
    if (this.#page) this.#show();
  }

  /** @param {Record<string, any>} change */
  #ask(change) {
    Object.assign(this.#asked, { offset: 0 }, change);
    const { sort, state, verdict, offset } = this.#asked;
    this.#order.value = sort;
    remember({ sort: sort === "number" ? "" : sort, state, verdict, offset: offset || "" });
    this.refresh();
  }

  /** Fetch the requested page. */
  async refresh() {
    const asked = { ...this.#asked };
    this.#list.setAttribute("aria-busy", "true");
    try {
      const page = await get(`${paths.stage(this.#run, this.#task)}/trials`, { query: { ...asked, limit: LIMIT }, signal: this.#signal });
      if (JSON.stringify(asked) !== JSON.stringify(this.#asked)) return;
      this.#page = page;
      this.#show();
    } catch (error) {
      if (this.#signal.aborted || (/** @type {any} */ (error).status === 0 && this.#list.querySelector("table"))) return;
      settle(this.#list, String(error), () => errorPanel(error, () => this.refresh()));
    } finally {
      this.#list.removeAttribute("aria-busy");
    }
  }

  #show() {
    const now = this.#page.items.filter((/** @type {any} */ trial) => trial.state === "running").map((/** @type {any} */ trial) => this.#now(trial));
    settle(this.#list, [this.#page, this.#asked, this.#prunes, now], () => this.#content(this.#page));
  }

  /** @param {any} trial @returns {string} the progress of a running trial: `epoch 3 of 40, 91.20 %` */
  #now(trial) {
    const heard = trial.state === "running" ? this.#heard.get(trial.number) : null;
    if (!heard?.epoch || heard.attempt !== trial.attempts) return "";
    return `epoch ${heard.epoch}${this.#epochs && trial.role !== "teacher" ? ` of ${this.#epochs}` : ""}, ${percent(heard.val_accuracy)} on validation`;
  }

  /** @param {any} page @returns {import("../dom.js").Child[]} */
  #content(page) {
    const prunes = this.#prunes;
    if (page.total === 0) {
      return [empty(this.#asked.state || this.#asked.verdict ? "No trial matches these filters." : "No trial is planned yet. Trials are planned when the task begins.")];
    }
    return [table({ caption: `Trials of task ${this.#task}`, rows: page.items, sorted: this.#asked.sort, onSort: (sort) => this.#ask({ sort }),
      open: (trial) => links.trial(this.#run, this.#task, trial.number), columns: [
        { title: "Trial", head: true, numeric: true, sort: "number",
          cell: (trial) => el("a", { href: links.trial(this.#run, this.#task, trial.number) }, String(trial.number)) },
        prunes && { title: "α", numeric: true, cell: (trial) => (trial.role === "teacher" ? "teacher" : alpha(trial.alpha)) },
        { title: "Rate", numeric: true, cell: (trial) => number(trial.learning_rate) },
        { title: "Validation", numeric: true, sort: "val_accuracy", cell: (trial) => share(trial.val_correct, trial.val_total) },
        prunes && { title: "Pruned", numeric: true, cell: (trial) => share(trial.pruned_val_correct, trial.val_total) },
        prunes && { title: "Free neurons", numeric: true, sort: "free_neurons",
          cell: (trial) => (trial.free_neurons === null ? share(null, 1) : [share(trial.free_neurons, trial.hidden_total), el("small", {}, ` ${count(trial.free_neurons)}`)]) },
        { title: "Verdict", wide: true, cell: (trial) => [standing(trial, prunes),
          el("small", {}, trial.verdict_reason ?? trial.failure_reason?.split("\n")[0] ?? this.#now(trial))] },
      ] }), pager(page, "trials", (offset) => this.#ask({ offset }))];
  }
}
