/** All runs, newest first, by state and name, kept up to date. */

import { announce } from "../announce.js";
import { get } from "../api.js";
import { el, settle } from "../dom.js";
import { poll, refreshing } from "../live.js";
import { links, remember } from "../router.js";
import { capital, count, duration, NOTHING, percent } from "../words.js";
import { moment } from "../parts/moment.js";
import { pager } from "../parts/pager.js";
import { progressBar } from "../parts/progress.js";
import { empty, errorPanel, loading } from "../parts/section.js";
import { stateBadge } from "../parts/state.js";
import { table } from "../parts/table.js";

const STATES = ["running", "stopped", "failed", "depleted", "cancelled", "completed"];
const LIMIT = 25;

/** @returns {import("../main.js").View} */
export function runsView() {
  return { title: "Runs", show };
}

/** @param {import("../main.js").Place} place */
function show({ box, query, signal }) {
  const asked = { state: query.state ?? "", name: query.name ?? "", offset: Number(query.offset) || 0 };
  /** @type {Map<string, string>} */
  const states = new Map();
  const list = el("div", { class: "panel" }, loading());
  const ask = (/** @type {Partial<typeof asked>} */ change) => {
    Object.assign(asked, { offset: 0 }, change);
    remember({ state: asked.state, name: asked.name, offset: asked.offset || "" });
    nudge();
  };
  box.append(
    el("div", { class: "title-row" }, el("h1", {}, "Runs"),
      el("div", { class: "title-tools" }, el("a", { class: "button quiet", href: links.jobs() }, "Jobs"),
        el("a", { class: "button", href: links.launch() }, "Launch a run"))),
    filters(asked, ask), list);
  const refresh = async () => {
    try {
      const page = await get("/runs", { query: { ...asked, limit: LIMIT }, signal });
      tellChanges(states, page.items);
      settle(list, page, () => content(page, asked, ask));
    } catch (error) {
      if (!signal.aborted) failed(list, error, () => nudge());
    }
  };
  const nudge = refreshing(refresh, signal);
  poll(nudge, signal);
}

/**
 * Keeps the last list on an error; without one, shows the error.
 *
 * @param {HTMLElement} list @param {any} error @param {() => void} again
 */
function failed(list, error, again) {
  if (error.status === 0 && list.querySelector("table")) return;
  settle(list, { error: error.message, hint: error.hint }, () => errorPanel(error, again));
}

/**
 * @param {{ state: string, name: string }} asked @param {(change: { state?: string, name?: string }) => void} ask
 * @returns {HTMLElement}
 */
function filters(asked, ask) {
  let typing = 0;
  return el("form", { class: "filters", role: "search", "aria-label": "Filter runs", onsubmit: (/** @type {Event} */ event) => event.preventDefault() },
    el("label", { class: "field" }, "Name", el("input", { type: "search", value: asked.name, placeholder: "part of a name", oninput: (/** @type {any} */ event) => {
      clearTimeout(typing);
      typing = setTimeout(() => ask({ name: event.target.value.trim() }), 250);
    } })),
    el("label", { class: "field" }, "State", el("select", { onchange: (/** @type {any} */ event) => ask({ state: event.target.value }) },
      el("option", { value: "" }, "all"), STATES.map((state) => el("option", { value: state, selected: state === asked.state }, state)))));
}

/**
 * @param {any} page @param {{ state: string, name: string }} asked @param {(change: any) => void} ask
 * @returns {import("../dom.js").Child[]}
 */
function content(page, asked, ask) {
  if (page.total === 0 && (asked.state || asked.name)) {
    return [empty("No run matches these filters.", el("button", { type: "button", class: "button", onclick: () => {
      for (const field of document.querySelectorAll(".filters input, .filters select")) /** @type {any} */ (field).value = "";
      ask({ state: "", name: "" });
    } }, "Show all runs"))];
  }
  if (page.total === 0) {
    return [empty("No run is recorded yet.", ["On the command line, ", el("code", {}, "clnp launch CONFIG"), " starts one; or ",
      el("a", { href: links.launch() }, "launch one here"), "."])];
  }
  return [table({ caption: "Runs, newest first", rows: page.items, open: (run) => links.run(run.name), columns: [
    { title: "Run", head: true, cell: (run) => [el("a", { href: links.run(run.name) }, run.name),
      el("small", {}, [run.group && `group ${run.group}`, run.method !== "clnp" && run.method,
        run.forked_from && `fork of ${run.forked_from} after task ${run.forked_after_task}`].filter(Boolean).join(" · "))] },
    { title: "State", cell: (run) => stateBadge(run.state) },
    { title: "Progress", cell: progress },
    { title: "Time left", numeric: true, cell: (run) => (run.state === "running" && run.seconds_left !== null ? duration(run.seconds_left) : NOTHING) },
    { title: "Mean test accuracy", numeric: true, cell: (run) => percent(run.mean_test_accuracy) },
    { title: "Benchmark", cell: (run) => run.benchmark },
    { title: "Margin", numeric: true, cell: (run) => (run.divides_the_network ? `${run.margin_points} pp` : NOTHING) },
    { title: "Created", cell: (run) => moment(run.created_at, { relative: true }) },
  ] }), pager(page, "runs", (offset) => ask({ offset }))];
}

/** @param {any} run @returns {HTMLElement} */
function progress(run) {
  const words = `${run.tasks_committed} / ${run.tasks} tasks`;
  return el("div", { class: "progress-cell" }, progressBar(run.fraction_done, `Progress of ${run.name}`, run.state),
    el("small", {}, words, run.trials_total ? ` · ${count(run.trials_ended)} / ${count(run.trials_total)} trials` : ""),
    run.step && el("small", {}, capital(run.step)));
}

/** @param {Map<string, string>} states as they were @param {any[]} runs as they are now */
function tellChanges(states, runs) {
  for (const run of runs) {
    const before = states.get(run.name);
    if (before && before !== run.state) announce(`Run ${run.name} is ${run.state}.`);
    states.set(run.name, run.state);
  }
}
