/** The token of the service: kept for this tab only, sent in a header, never part of an address. */

const KEY = "clnp-token";

/** Notified when a token is entered or removed. */
export const tokenChanges = new EventTarget();

/** @returns {string | null} */
export function token() {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

/** @param {string | null} value the token; null removes it */
export function setToken(value) {
  if (value) sessionStorage.setItem(KEY, value);
  else sessionStorage.removeItem(KEY);
  tokenChanges.dispatchEvent(new Event("change"));
}
