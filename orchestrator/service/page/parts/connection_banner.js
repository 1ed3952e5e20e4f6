/** Banner for a lost and restored connection. */

import { announce } from "../announce.js";
import { connection } from "../connection.js";
import { el } from "../dom.js";
import { clock } from "./moment.js";

/** @param {HTMLElement} banner */
export function linkBanner(banner) {
  connection.addEventListener("change", () => {
    banner.hidden = connection.link !== "lost";
    if (connection.link === "lost") {
      banner.textContent = `Connection lost at ${clock(connection.lostAt ?? new Date(), true)}. `
        + "The page shows earlier data; reconnecting.";
    }
  });
  connection.addEventListener("back", () => announce("Connected again."));
}

/** @type {Record<import("../connection.js").Link, [string, string]>} */
const WORDS = {
  live: ["Live", "The service sends changes as they happen"],
  polling: ["Updating", "The page polls for changes every few seconds"],
  lost: ["Connection lost", "Reconnecting"],
  idle: ["Connected", "This view does not change"],
};

/** @returns {HTMLElement} the state of the connection, kept up to date */
export function linkLight() {
  const word = el("span", { class: "link-word" });
  const light = el("span", { class: "link" }, el("i", { class: "dot", "aria-hidden": "true" }), word);
  const show = () => {
    light.dataset.link = connection.link;
    [word.textContent, light.title] = WORDS[connection.link];
  };
  connection.addEventListener("change", show);
  show();
  return light;
}
