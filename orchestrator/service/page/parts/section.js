/** A part of a view with a heading, and placeholders for missing content. */

import { ApiError } from "../api.js";
import { el } from "../dom.js";
import { sentence } from "../words.js";

let made = 0;

/**
 * @param {string} title
 * @param {{ class?: string, tools?: import("../dom.js").Child[] }} [options] tools are next to the heading
 * @returns {{ element: HTMLElement, box: HTMLElement }} `box` is what the view fills
 */
export function section(title, { class: kind = "", tools = [] } = {}) {
  const id = `section-${++made}`;
  const box = el("div", { class: "section-body" });
  const element = el("section", { class: `panel ${kind}`.trim(), "aria-labelledby": id },
    el("div", { class: "section-head" }, el("h2", { id }, title), tools), box);
  return { element, box };
}

/** @param {string} text @param {import("../dom.js").Child} [more] @returns {HTMLElement} */
export function empty(text, more) {
  return el("div", { class: "empty" }, el("p", {}, text), more && el("p", {}, more));
}

/** @param {string} [what] @returns {HTMLElement} */
export function loading(what = "Loading…") {
  return el("p", { class: "loading", role: "status" }, what);
}

/**
 * An error and how to fix it.
 *
 * @param {unknown} error @param {() => void} [again] retries
 * @returns {HTMLElement}
 */
export function errorPanel(error, again) {
  const { message, hint } = error instanceof ApiError ? error
    : { message: `error in this page: ${error instanceof Error ? error.message : error}`, hint: "reload it; please report it if it persists" };
  return el("div", { class: "error", role: "alert" }, el("p", { class: "error-message" }, sentence(message)),
    hint && el("p", { class: "error-hint" }, sentence(hint)),
    again && el("button", { type: "button", class: "button", onclick: again }, "Try again"));
}
