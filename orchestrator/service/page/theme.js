/** Light or dark theme: the system's, or the one chosen here, which is stored in this browser. */

/** @typedef {"auto" | "light" | "dark"} Theme */

const KEY = "clnp-theme";

/** Notified when colours change. */
export const themeChanges = new EventTarget();

/** @returns {Theme} */
export function theme() {
  return /** @type {Theme} */ (document.documentElement.dataset.theme ?? "auto");
}

/** @param {Theme} chosen */
export function setTheme(chosen) {
  if (chosen === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
  try {
    if (chosen === "auto") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, chosen);
  } catch { /* storage is off: kept until the page is closed */ }
  themeChanges.dispatchEvent(new Event("change"));
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => themeChanges.dispatchEvent(new Event("change")));

/**
 * The current value of a colour of the style sheet.
 *
 * @param {string} name of a custom property, such as `--ink`
 * @returns {string} `rgb(…)`
 */
export function colour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}
