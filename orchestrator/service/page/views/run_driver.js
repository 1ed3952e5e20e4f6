/** The driver of a run, if this service started it: its exit code and its output. */

import { el, settle } from "../dom.js";
import { moment } from "../parts/moment.js";
import { stateBadge } from "../parts/state.js";
import { jobOutput } from "./job.js";

/**
 * Show the latest driver of a run in a box; empty if this service did not start it.
 *
 * @param {any} job null if this service has started none @param {HTMLElement} box @param {AbortSignal} signal
 */
export function showDriver(job, box, signal) {
  settle(box, job, () => job && el("div", { class: "driver" },
    el("p", {}, `The driver that was started here (${job.action}, `, moment(job.started_at, { relative: true }), ") is ", stateBadge(job.state),
      job.exit_code ? ` with exit code ${job.exit_code}` : ""), job.message && el("p", { class: "note" }, job.message), jobOutput(job, signal)));
}
