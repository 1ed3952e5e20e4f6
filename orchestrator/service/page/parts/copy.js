/** A digest: abbreviated, with a button that copies all of it. */

import { announce } from "../announce.js";
import { el, pause } from "../dom.js";
import { shortDigest } from "../words.js";

/** @param {string} text the full digest @param {string} what the name of the copied text, for screen readers @returns {HTMLElement} */
export function digest(text, what) {
  return el("span", { class: "digest" }, el("code", { title: text }, shortDigest(text)), copyButton(() => text, `Copy ${what}`));
}

/** @param {() => string} text @param {string} label @param {string} [word] on the button @returns {HTMLElement} */
export function copyButton(text, label, word = "Copy") {
  const button = el("button", { type: "button", class: "button tiny", "aria-label": label, onclick: async () => {
    const done = await copy(text());
    button.textContent = done ? "Copied" : "Not copied";
    announce(done ? "Copied." : "This browser does not permit copying here.");
    await pause(1600);
    button.textContent = word;
  } }, word);
  return button;
}

/** @param {string} text @returns {Promise<boolean>} whether it was copied */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch { // only pages from this machine or over TLS have a clipboard; a selection works everywhere
    const field = el("textarea", { class: "unseen", value: text });
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}
