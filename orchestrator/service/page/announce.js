/** Announcements of changes for screen readers. */

/** @param {string} text announced once, politely */
export function announce(text) {
  const said = /** @type {HTMLElement} */ (document.getElementById("said"));
  said.textContent = said.textContent === text ? `${text} ` : text;
}
