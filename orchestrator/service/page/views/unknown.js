/** The view of an unknown address. */

import { el } from "../dom.js";
import { links } from "../router.js";

/** @returns {import("../main.js").View} */
export function unknownView() {
  return { title: "Not found", show: ({ box }) => box.append(
    el("h1", {}, "Not found"),
    el("p", {}, "The address does not name a run, a task or a trial. ", el("a", { href: links.runs() }, "All runs"))) };
}
