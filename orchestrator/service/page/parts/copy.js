/** A digest: enough of it to recognise, all of it to copy. */

import { announce } from "../announce.js";
import { el, pause } from "../dom.js";
import { shortDigest } from "../words.js";

/** @param {string} text the whole of it @param {string} what is copied, for those who listen @returns {HTMLElement} */
export function digest(text, what) {
  return el("span", { class: "digest" }, el("code", { title: text }, shortDigest(text)), copyButton(() => text, `Copy ${what}`));
}

/** @param {() => string} text @param {string} label @param {string} [word] on the button @returns {HTMLElement} */
export function copyButton(text, label, word = "Copy") {
  const button = el("button", { type: "button", class: "button tiny", "aria-label": label, onclick: async () => {
    const done = await copy(text());
    button.textContent = done ? "Copied" : "Not copied";
    announce(done ? "Copied." : "This browser lets nothing be copied here.");
    await pause(1600);
    button.textContent = word;
  } }, word);
  return button;
}

/** @param {string} text @returns {Promise<boolean>} whether it lies in the clipboard */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch { // only pages from this machine or over TLS may; a selection works everywhere
    const field = el("textarea", { class: "unseen", value: text });
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}
