/** Breadcrumbs: runs › run › task › trial. */

import { el } from "../dom.js";
import { links } from "../router.js";

/** @param {string[]} parts of the address */
export function crumbs(parts) {
  const [room, run, , task, , trial] = parts;
  /** @type {[string, string][]} */
  const steps = [];
  if (room === "launch") steps.push(["Launch", links.launch()]);
  if (room === "jobs") steps.push(["Jobs", links.jobs()]);
  if (room === "runs" && run) steps.push([run, links.run(run)]);
  if (run && task) steps.push([`Task ${task}`, links.stage(run, Number(task))]);
  if (run && task && trial) steps.push([`Trial ${trial}`, links.trial(run, Number(task), Number(trial))]);
  const all = [["Runs", links.runs()], ...steps];
  document.getElementById("crumbs")?.replaceChildren(
    el("a", { class: "brand", href: "#/", "aria-label": "clnp, all runs" }, "clnp"),
    el("ol", { class: "crumbs" }, all.map(([text, href], index) => el("li", {},
      el("a", { href, "aria-current": index === all.length - 1 ? "page" : null }, text)))));
}
