/** Stop, resume and cancel, with the token; and pending requests to the run's driver. */

import { about } from "../about.js";
import { announce } from "../announce.js";
import { paths, post } from "../api.js";
import { el, settle } from "../dom.js";
import { openDialog } from "../parts/dialog.js";
import { moment } from "../parts/moment.js";
import { errorPanel } from "../parts/section.js";
import { token, tokenChanges } from "../token.js";

/**
 * @param {string} run @param {AbortSignal} signal @param {() => void} changed called after a request
 * @returns {{ element: HTMLElement, show: (row: any, requests: any[]) => void }}
 */
export function runActions(run, signal, changed) {
  const buttons = el("div", { class: "actions" }), open = el("div", { class: "requests" }), wrong = el("div", {});
  const element = el("div", { class: "run-actions" }, buttons, open, wrong);
  let state = "", driven = false;
  const ask = async (/** @type {string} */ what, /** @type {Record<string, any>} */ body, /** @type {string} */ said) => {
    wrong.replaceChildren();
    try {
      await post(`${paths.run(run)}/${what}`, body, signal);
      announce(said);
    } catch (error) {
      if (!signal.aborted) wrong.replaceChildren(errorPanel(error));
    }
    changed();
  };
  const show = () => settle(buttons, [state, driven, Boolean(token())], () => (token() ? [
    state === "running" && driven && button("Stop", () => stop(run, ask)),
    (["stopped", "failed"].includes(state) || (state === "running" && !driven)) && button("Resume", () => resume(run, state, ask)),
    ["running", "stopped", "failed"].includes(state) && button("Cancel", () => cancel(run, ask), true),
  ] : null));
  tokenChanges.addEventListener("change", show, { signal });
  return { element, show: (row, requests) => {
    state = row.state;
    driven = row.driver_lives;
    show();
    const unanswered = requests.filter((request) => request.answered_at === null);
    settle(open, unanswered, () => unanswered.map((request) => el("p", { class: "note" },
      `Asked to ${request.kind} `, moment(request.requested_at, { relative: true }), "; the driver has not answered yet.")));
  } };
}

/** @param {string} text @param {() => void} press @param {boolean} [danger] @returns {HTMLElement} */
function button(text, press, danger = false) {
  return el("button", { type: "button", class: `button${danger ? " danger" : ""}`, onclick: press }, text);
}

/** @typedef {(what: string, body: Record<string, any>, said: string) => Promise<void>} Ask */

/** @param {string} run @param {Ask} ask */
async function stop(run, ask) {
  const answer = await openDialog({ title: `Stop ${run}?`, dismiss: "Keep it running",
    body: [el("p", {}, "Running trials write checkpoints within seconds, and the driver ends. A resume continues from there; "
      + "without checkpoints (resources.checkpoint_every_seconds is null) it restarts those trials. All records stay.")],
    actions: [{ value: "stop", text: "Stop the run", primary: true }] });
  if (answer === "stop") await ask("stop", {}, "Asked the run to stop.");
}

/** @param {string} run @param {Ask} ask */
async function cancel(run, ask) {
  const answer = await openDialog({ title: `Cancel ${run} for good?`, dismiss: "Do not cancel",
    body: [el("p", {}, "A cancelled run cannot be resumed. Its commits stay, and can be reported, exported and forked.")],
    actions: [{ value: "cancel", text: "Cancel the run", danger: true }] });
  if (answer === "cancel") await ask("cancel", {}, "Asked the run to cancel.");
}

/** @param {string} run @param {string} state @param {Ask} ask */
async function resume(run, state, ask) {
  const retry = el("input", { type: "checkbox", checked: state === "failed" }), accept = el("input", { type: "checkbox" });
  const as = startedAs();
  const answer = await openDialog({ title: `Resume ${run}?`, dismiss: "Not now",
    body: [el("p", {}, "It continues from its recorded state; only missing trials are trained."),
      el("label", { class: "check" }, retry, "retrain failed trials"),
      el("label", { class: "check" }, accept, "continue although device, torch or code have changed (recorded; results are no longer comparable bit for bit)"),
      as.label], actions: [{ value: "resume", text: "Resume the run", primary: true }] });
  if (answer === "resume") {
    await ask("resume", { retry_failed: retry.checked, accept_environment: accept.checked, as: as.select.value || null }, "Asked to resume the run.");
  }
}

/** @type {Record<string, string>} */
const KINDS = { process: "a process on the service's machine", "ray-job": "a job on the Ray cluster" };

/** @returns {{ label: HTMLElement, select: HTMLSelectElement }} where a driver runs; hidden if there is only one choice */
export function startedAs() {
  const select = el("select", {}), label = el("label", { class: "field", hidden: true }, "Driver", select);
  about().then(({ job_kinds: kinds }) => {
    select.replaceChildren(...kinds.map((/** @type {string} */ kind) => el("option", { value: kind }, KINDS[kind] ?? kind)));
    label.hidden = kinds.length < 2;
  }, () => { /* the service chooses */ });
  return { select, label };
}
