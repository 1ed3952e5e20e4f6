/** Light or dark: the system's choice, or the one made here, which this browser remembers. */

/** @typedef {"auto" | "light" | "dark"} Theme */

const KEY = "clnp-theme";

/** Told whenever colours change. */
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
  } catch { /* storage is off: it holds until the page is closed */ }
  themeChanges.dispatchEvent(new Event("change"));
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => themeChanges.dispatchEvent(new Event("change")));

/**
 * A colour of the style sheet as it is now.
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
