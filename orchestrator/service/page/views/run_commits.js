/** The commits of a run: immutable networks, their digests and their proofs. */

import { el } from "../dom.js";
import { digest } from "../parts/copy.js";
import { moment } from "../parts/moment.js";
import { table } from "../parts/table.js";
import { links } from "../router.js";
import { bytes, count, duration, NOTHING, percent, share } from "../words.js";

/** @param {any} run @param {any[]} commits @param {any[]} cells of the accuracy matrix @returns {HTMLElement} */
export function commitTable(run, commits, cells) {
  const own = (/** @type {number} */ task) => cells.find((cell) => cell.after_task === task && cell.on_task === task);
  const mean = (/** @type {number} */ task) => {
    const row = cells.filter((cell) => cell.after_task === task);
    return row.length ? row.reduce((sum, cell) => sum + cell.test_accuracy, 0) / row.length : null;
  };
  return table({ caption: "Commits by task", rows: commits, columns: [
    { title: "Task", head: true, numeric: true, cell: (commit) => el("a", { href: links.stage(run.name, commit.task) }, String(commit.task)) },
    { title: "Digest", cell: (commit) => digest(commit.digest, `the digest of the commit of task ${commit.task}`) },
    !run.learns_at_once && { title: "Test, its task", numeric: true, cell: (commit) => percent(own(commit.task)?.test_accuracy) },
    { title: "Test, tasks so far", numeric: true, cell: (commit) => percent(mean(commit.task)) },
    { title: "Validation", numeric: true, cell: (commit) => share(commit.val_correct, commit.val_total) },
    run.divides_the_network && { title: "Proof of zero forgetting", cell: proof },
    { title: "Size", numeric: true, cell: (commit) => bytes(commit.artifact_bytes) },
    { title: "Took", numeric: true, cell: (commit) => duration(commit.commit_seconds) },
    { title: "Committed", cell: (commit) => moment(commit.created_at) },
  ] });
}

/** @param {any} commit @returns {string} */
function proof(commit) {
  const { samples_compared: samples, tasks_compared: tasks } = commit.verification ?? {};
  if (tasks === undefined) return NOTHING;
  return tasks.length ? `${count(samples)} samples of ${tasks.length === 1 ? "1 earlier task" : `${tasks.length} earlier tasks`}` : "no earlier task";
}
