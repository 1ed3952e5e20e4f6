/** A modal dialog. */

import { el } from "../dom.js";

/**
 * @typedef {{ value: string, text: string, primary?: boolean, danger?: boolean }} Action
 * @param {{ title: string, body: import("../dom.js").Child[], actions: Action[], dismiss?: string,
 *   check?: (value: string) => Promise<string> }} question `dismiss`: label of the button that closes it; `check`:
 *   returns what is wrong with an answer, which is shown while the dialog stays open; empty if nothing is
 * @returns {Promise<string>} the value of the chosen action; empty if it was closed
 */
export function openDialog({ title, body, actions, dismiss = "Cancel", check }) {
  const wrong = el("p", { class: "wrong", role: "alert" });
  const form = el("form", { method: "dialog" }, el("h2", { id: "dialog-title" }, title), body, wrong,
    el("div", { class: "dialog-actions" },
      actions.map(({ value, text, primary, danger }) => el("button", {
        value, type: "submit", class: `button${primary ? " primary" : ""}${danger ? " danger" : ""}` }, text)),
      el("button", { type: "button", class: "button quiet", onclick: () => dialog.close("") }, dismiss)));
  const dialog = el("dialog", { "aria-labelledby": "dialog-title" }, form);
  form.addEventListener("submit", async (/** @type {SubmitEvent} */ event) => {
    if (!check) return;
    event.preventDefault();
    const { value } = /** @type {HTMLButtonElement} */ (event.submitter);
    const said = await check(value);
    wrong.textContent = said;
    if (!said) dialog.close(value);
  });
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
