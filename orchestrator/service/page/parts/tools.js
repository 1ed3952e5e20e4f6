/** Tools at the top right: connection, theme, token. */

import { about } from "../about.js";
import { tokenWanted, wrongToken } from "../api.js";
import { el } from "../dom.js";
import { setTheme, theme } from "../theme.js";
import { setToken, token, tokenChanges } from "../token.js";
import { announce } from "../announce.js";
import { sentence } from "../words.js";
import { linkLight } from "./connection_banner.js";
import { openDialog } from "./dialog.js";

/** @type {import("../theme.js").Theme[]} */
const THEMES = ["auto", "light", "dark"];

/** @param {HTMLElement} box */
export function tools(box) {
  box.replaceChildren(linkLight(), themeSwitch(), tokenButton());
}

/** @returns {HTMLElement} */
function themeSwitch() {
  const button = el("button", { type: "button", class: "button quiet", onclick: () => {
    setTheme(THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length]);
    show();
    announce(`Theme: ${theme()}.`);
  } });
  const show = () => {
    button.replaceChildren(el("i", { class: "half", "aria-hidden": "true" }), el("span", { class: "wide" }, theme()));
    button.setAttribute("aria-label", `Theme: ${theme()}`);
    button.title = `Theme: ${theme()}. Click to change it.`;
  };
  show();
  return button;
}

/** @returns {HTMLElement} */
function tokenButton() {
  const button = el("button", { type: "button", class: "button quiet", id: "token", onclick: () => askForToken() });
  const show = () => {
    button.textContent = token() ? "Token set" : "Token";
    button.title = token() ? "Runs can be launched, stopped and resumed" : "Enter the service's token to launch, stop and resume runs";
  };
  tokenChanges.addEventListener("change", show);
  tokenWanted.addEventListener("wanted", () => askForToken("The service requires its token."));
  show();
  return button;
}

let asking = false;

/** @param {string} [why] */
async function askForToken(why) {
  if (asking) return;
  asking = true;
  const only = await about().then((service) => !service.can_change, () => false);
  const field = el("input", { type: "password", id: "token-field", autocomplete: "off", spellcheck: "false", value: token() ?? "" });
  const answer = await openDialog({
    title: "Token of the service",
    body: [why && el("p", {}, why), only && el("p", {}, "This service is read-only: it was started without CLNP_TOKEN."), el("label", { class: "field" }, "Token", field),
      el("p", { class: "note" }, "The value of CLNP_TOKEN of the service. It is kept in this tab until the tab is closed, "
        + "and sent in a header, never in a URL.")],
    actions: [{ value: "use", text: "Use this token", primary: true }, ...(token() ? [{ value: "forget", text: "Forget it" }] : [])],
    check: async (action) => (action === "use" && field.value.trim() ? sentence(await wrongToken(field.value.trim())) : ""),
  });
  asking = false;
  if (answer === "use" && field.value.trim()) setToken(field.value.trim());
  else if (answer === "forget") setToken(null);
  else return;
  announce(token() ? "Token set." : "Token forgotten.");
}
