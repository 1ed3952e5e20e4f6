/** A question that is answered before anything else goes on. */

import { el } from "../dom.js";

/**
 * @typedef {{ value: string, text: string, primary?: boolean, danger?: boolean }} Action
 * @param {{ title: string, body: import("../dom.js").Child[], actions: Action[], dismiss?: string }} question `dismiss`: what
 *   the button says that answers nothing
 * @returns {Promise<string>} the value of the action that was taken; empty when it was closed
 */
export function openDialog({ title, body, actions, dismiss = "Cancel" }) {
  const form = el("form", { method: "dialog" }, el("h2", { id: "dialog-title" }, title), body,
    el("div", { class: "dialog-actions" },
      actions.map(({ value, text, primary, danger }) => el("button", {
        value, type: "submit", class: `button${primary ? " primary" : ""}${danger ? " danger" : ""}` }, text)),
      el("button", { type: "button", class: "button quiet", onclick: () => dialog.close("") }, dismiss)));
  const dialog = el("dialog", { "aria-labelledby": "dialog-title" }, form);
  const before = document.activeElement;
  document.body.append(dialog);
  return new Promise((answered) => {
    dialog.addEventListener("close", () => {
      answered(dialog.returnValue);
      dialog.remove();
      if (before instanceof HTMLElement) before.focus({ preventScroll: true });
    });
    dialog.showModal();
  });
}
