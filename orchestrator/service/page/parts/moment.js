/** Times in the viewer's named time zone, with UTC, as recorded, in a tooltip. */

import { el } from "../dom.js";
import { NOTHING } from "../words.js";

const ZONE = new Intl.DateTimeFormat("en-GB", { timeZoneName: "short" });

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
    relative ? ago(at) : `${day(at)} ${clock(at, seconds)}`);
}

/** @param {Date} at @returns {string} `2026-11-26` */
function day(at) {
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** @param {Date} at @param {boolean} [seconds] @returns {string} `08:44 GMT+1` */
export function clock(at, seconds = false) {
  return `${two(at.getHours())}:${two(at.getMinutes())}${seconds ? `:${two(at.getSeconds())}` : ""} ${zone(at)}`;
}

/** @param {number} value @returns {string} */
function two(value) {
  return String(value).padStart(2, "0");
}

/** @param {Date} at @returns {string} the viewer's time zone at that time, including daylight saving: `GMT+1`, `UTC` */
function zone(at) {
  return ZONE.formatToParts(at).find((part) => part.type === "timeZoneName")?.value ?? "";
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

/** Keep every `3 h ago` up to date. */
export function followMoments() {
  setInterval(() => {
    for (const part of document.querySelectorAll("time[data-relative]")) {
      const text = ago(new Date(part.getAttribute("datetime") ?? ""));
      if (part.textContent !== text) part.textContent = text;
    }
  }, 10000);
}
