/** The drivers that this service started: their states and their output. */

import { get } from "../api.js";
import { el, settle } from "../dom.js";
import { poll, refreshing } from "../live.js";
import { moment } from "../parts/moment.js";
import { empty, errorPanel, loading } from "../parts/section.js";
import { stateBadge } from "../parts/state.js";
import { table } from "../parts/table.js";
import { links } from "../router.js";
import { jobOutput } from "./job.js";

/** @returns {import("../main.js").View} */
export function jobsView() {
  return { title: "Jobs", show };
}

/** @param {import("../main.js").Place} place */
function show({ box, signal }) {
  const list = el("div", { class: "panel" }, loading());
  box.append(el("h1", {}, "Jobs"), el("p", { class: "subtitle" }, "Drivers started by this service, latest first."), list);
  const nudge = refreshing(async () => {
    try {
      const jobs = await get("/jobs", { signal });
      settle(list, jobs, () => content(jobs, signal));
    } catch (error) {
      if (!signal.aborted && !(/** @type {any} */ (error).status === 0 && list.querySelector("table"))) {
        settle(list, String(error), () => errorPanel(error, () => nudge()));
      }
    }
  }, signal);
  poll(nudge, signal);
}

/** @param {any[]} jobs @param {AbortSignal} signal @returns {import("../dom.js").Child} */
function content(jobs, signal) {
  if (jobs.length === 0) return empty("This service has started no driver yet.", el("a", { href: links.launch() }, "Launch a run"));
  return table({ caption: "Jobs", rows: jobs, columns: [
    { title: "Run", head: true, cell: (job) => el("a", { href: links.run(job.run) }, job.run) },
    { title: "State", cell: (job) => [stateBadge(job.state), job.exit_code ? ` with exit code ${job.exit_code}` : ""] },
    { title: "What", cell: (job) => job.action },
    { title: "Started", cell: (job) => moment(job.started_at) },
    { title: "Where", cell: (job) => (job.ray_job ? `Ray job ${job.ray_job}` : `process ${job.pid} on ${job.host}`) },
    { title: "Output", wide: true, cell: (job) => jobOutput(job, signal) },
  ] });
}
