/** Moments: written in the viewer's own time zone, with UTC at hand, as the records have it. */

import { el } from "../dom.js";
import { NOTHING } from "../words.js";

/**
 * @param {string | null | undefined} iso
 * @param {{ relative?: boolean, seconds?: boolean }} [options] relative: `3 h ago`, kept up to date
 * @returns {HTMLElement | string}
 */
export function moment(iso, { relative = false, seconds = false } = {}) {
  if (!iso) return NOTHING;
  const at = new Date(iso);
  const utc = `${at.toISOString().slice(0, 19).replace("T", " ")} UTC`;
  return el("time", { datetime: iso, title: utc, class: "moment", "data-relative": relative || null },
    relative ? ago(at) : local(at, seconds));
}

/** @param {Date} at @param {boolean} seconds @returns {string} `2026-11-26 08:44` */
function local(at, seconds) {
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}${seconds ? `:${two(at.getSeconds())}` : ""}`;
}

/** @param {Date} at @returns {string} `12 s ago`, `3 h ago` */
export function ago(at) {
  const seconds = (Date.now() - at.getTime()) / 1000;
  if (seconds < 5) return "just now";
  if (seconds < 90) return `${Math.round(seconds)} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86400)} days ago`;
}

/** Keep every `3 h ago` true. */
export function followMoments() {
  setInterval(() => {
    for (const part of document.querySelectorAll("time[data-relative]")) {
      const text = ago(new Date(part.getAttribute("datetime") ?? ""));
      if (part.textContent !== text) part.textContent = text;
    }
  }, 10000);
}
