/** Starts the page: one view at a time in `<main>`, tools above it, information about the service below. */

import { about } from "./about.js";
import { tools } from "./parts/tools.js";
import { crumbs } from "./parts/crumbs.js";
import { linkBanner } from "./parts/connection_banner.js";
import { followMoments } from "./parts/moment.js";
import { el } from "./dom.js";
import { listen } from "./router.js";
import { jobsView } from "./views/jobs.js";
import { launchView } from "./views/launch.js";
import { runView } from "./views/run.js";
import { runsView } from "./views/runs.js";
import { stageView } from "./views/stage.js";
import { trialView } from "./views/trial.js";
import { unknownView } from "./views/unknown.js";

/**
 * A view: renders into a box and stays up to date until it is left.
 *
 * @typedef {{ box: HTMLElement, query: Record<string, string>, signal: AbortSignal }} Place
 * @typedef {{ title: string, show: (place: Place) => void }} View
 */

const content = /** @type {HTMLElement} */ (document.getElementById("content"));
let left = new AbortController();
let first = true;

/** @param {string} text @returns {number | null} a whole number in an address */
function whole(text) {
  return /^\d{1,9}$/.test(text) ? Number(text) : null;
}

/** @param {import("./router.js").Route} route @returns {View} */
function viewOf({ parts }) {
  const [room, run, tasks, task, trials, trial] = parts;
  if (parts.length === 0 || (room === "runs" && parts.length === 1)) return runsView();
  if (room === "launch" && parts.length === 1) return launchView();
  if (room === "jobs" && parts.length === 1) return jobsView();
  if (room === "runs" && parts.length === 2) return runView(run);
  const [k, n] = [whole(task ?? ""), whole(trial ?? "")];
  if (room === "runs" && tasks === "tasks" && k !== null) {
    if (parts.length === 4) return stageView(run, k);
    if (parts.length === 6 && trials === "trials" && n !== null) return trialView(run, k, n);
  }
  return unknownView();
}

listen((route) => {
  left.abort();
  left = new AbortController();
  const view = viewOf(route);
  document.title = view.title === "Runs" ? "Runs · clnp" : `${view.title} · clnp`;
  crumbs(route.parts);
  const box = el("div", { class: "view" });
  content.replaceChildren(box);
  view.show({ box, query: route.query, signal: left.signal });
  if (!first) {
    scrollTo(0, 0);
    content.focus({ preventScroll: true });
  }
  first = false;
});

document.getElementById("skip")?.addEventListener("click", (event) => {
  event.preventDefault();
  content.focus();
});
tools(/** @type {HTMLElement} */ (document.getElementById("tools")));
linkBanner(/** @type {HTMLElement} */ (document.getElementById("banner")));
followMoments();

about().then(({ version, schema_version: schema, database }) => {
  document.getElementById("foot")?.replaceChildren(el("p", {}, `clnp ${version} · schema ${schema} · ${database}`));
}, () => { /* the view shows the error */ });
