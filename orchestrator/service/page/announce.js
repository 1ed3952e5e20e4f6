/** Changes told to people who listen to the page. */

/** @param {string} text said once, politely */
export function announce(text) {
  const said = /** @type {HTMLElement} */ (document.getElementById("said"));
  said.textContent = said.textContent === text ? `${text} ` : text;
}
