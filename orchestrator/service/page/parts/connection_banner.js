/** Says when the service stopped answering, and when it answers again. */

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
        + "What you see is from before; trying to reach the service again.";
    }
  });
  connection.addEventListener("back", () => announce("Connected again."));
}

/** @type {Record<import("../connection.js").Link, [string, string]>} */
const WORDS = {
  live: ["Live", "The service tells of changes as they happen"],
  polling: ["Updating", "The page asks for changes every few seconds"],
  lost: ["Connection lost", "Trying to reach the service again"],
  idle: ["Connected", "Nothing here changes by itself"],
};

/** @returns {HTMLElement} a word on the connection, kept up to date */
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
