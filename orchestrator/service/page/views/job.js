/** Output of a driver that the service started, read while it is visible. */

import { ApiError, get } from "../api.js";
import { el, pause, settle } from "../dom.js";
import { errorPanel, loading } from "../parts/section.js";

/**
 * A fold with a job's output, which is requested while it is open.
 *
 * @param {{ id: string, state: string }} job @param {AbortSignal} signal
 * @returns {HTMLElement}
 */
export function jobOutput(job, signal) {
  const log = el("div", {}, loading());
  const fold = el("details", { class: "fold", ontoggle: () => fold.open && follow(job, log, () => fold.open && fold.isConnected && !signal.aborted, signal) },
    el("summary", {}, "Output of its driver"), log);
  return fold;
}

/**
 * @param {{ id: string, state: string }} job @param {HTMLElement} log @param {() => boolean} wanted
 * @param {AbortSignal} signal
 */
async function follow(job, log, wanted, signal) {
  while (wanted()) {
    try {
      const text = await get(`/jobs/${encodeURIComponent(job.id)}/output`, { as: "text", signal });
      settle(log, text, () => el("pre", { class: "code output", tabindex: "0", "data-scrolls": true, "aria-label": "Output of the driver" },
        text || "The driver has no output yet."));
      const shown = log.querySelector("pre");
      if (shown) shown.scrollTop = shown.scrollHeight;
    } catch (error) {
      if (!signal.aborted && !(error instanceof ApiError && error.status === 0)) settle(log, String(error), () => errorPanel(error));
    }
    if (job.state !== "running") return;
    await pause(2000, signal);
  }
}
