/** The driver of a run, where this service started it: how it ended and what it said. */

import { getIfThere } from "../api.js";
import { el, settle } from "../dom.js";
import { moment } from "../parts/moment.js";
import { stateBadge } from "../parts/state.js";
import { jobOutput } from "./job.js";

/**
 * Show the latest driver of a run in a box; nothing where others started it.
 *
 * @param {string} run @param {HTMLElement} box @param {AbortSignal} signal
 */
export async function showDriver(run, box, signal) {
  const jobs = await getIfThere("/jobs", { signal });
  const job = jobs?.find((/** @type {any} */ each) => each.run === run) ?? null;
  settle(box, job, () => job && el("div", { class: "driver" },
    el("p", {}, `The driver that was started here (${job.action}, `, moment(job.started_at, { relative: true }), ") is ", stateBadge(job.state),
      job.exit_code ? ` with exit code ${job.exit_code}` : ""), job.message && el("p", { class: "note" }, job.message), jobOutput(job, signal)));
}
