/**
 * Addresses of the page: `#/runs/demo/tasks/2/trials/3?sort=…`. All can be bookmarked.
 *
 * @typedef {{ parts: string[], query: Record<string, string> }} Route
 */

/** @param {string} hash @returns {Route} */
export function parse(hash) {
  const [path, search = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  return { parts: path.split("/").filter(Boolean).map(decode), query: Object.fromEntries(new URLSearchParams(search)) };
}

/** @param {string} part @returns {string} */
function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** @param {string[]} parts @param {Record<string, any>} [query] @returns {string} */
export function address(parts, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const search = given.length ? `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}` : "";
  return `#/${parts.map(encodeURIComponent).join("/")}${search}`;
}

/** Addresses of the views. */
export const links = {
  runs: () => "#/",
  launch: () => "#/launch",
  jobs: () => "#/jobs",
  /** @param {string} run */ run: (run) => address(["runs", run]),
  /** @param {string} run @param {number} task @param {Record<string, any>} [query] */
  stage: (run, task, query) => address(["runs", run, "tasks", String(task)], query),
  /** @param {string} run @param {number} task @param {number} trial */
  trial: (run, task, trial) => address(["runs", run, "tasks", String(task), "trials", String(trial)]),
};

/**
 * Keep the settings of a view (filters, order, page) in its address, without leaving the view.
 *
 * @param {Record<string, any>} query
 */
export function remember(query) {
  const { parts } = parse(location.hash);
  history.replaceState(null, "", address(parts, query));
}

/** Call `arrive` now and whenever the address changes. @param {(route: Route) => void} arrive */
export function listen(arrive) {
  addEventListener("hashchange", () => arrive(parse(location.hash)));
  arrive(parse(location.hash));
}
