/** Output of a trial, scrolled to its end while it grows, unless the viewer has scrolled up. */

/** Interval of requests for the missing output of a running trial. */
const AGAIN_MILLISECONDS = 15000;

import { ApiError, get } from "../api.js";
import { el, settle } from "../dom.js";
import { copyButton } from "../parts/copy.js";
import { errorPanel, loading } from "../parts/section.js";
import { sentence } from "../words.js";

export class TrialOutput {
  #path; #box; #signal;
  #text = "";
  /** The attempt without output, and when that was reported. */ #missing = { attempt: "", at: 0 };

  /** @param {string} path @param {HTMLElement} box @param {AbortSignal} signal */
  constructor(path, box, signal) {
    [this.#path, this.#box, this.#signal] = [path, box, signal];
    box.append(loading());
  }

  /** Fetch new output. @param {any} trial its row */
  async refresh(trial) {
    const attempt = `${trial.state} ${trial.attempts}`;
    if (trial.attempts === 0 && !trial.reused_from) {
      settle(this.#box, attempt, () => el("p", { class: "empty" }, "The trial has not begun, so there is no output."));
      return;
    }
    if (this.#missing.attempt === attempt && (trial.state !== "running" || Date.now() - this.#missing.at < AGAIN_MILLISECONDS)) return;
    try {
      this.#text = await get(this.#path, { as: "text", signal: this.#signal });
      const shown = this.#box.querySelector("pre");
      const atEnd = !shown || shown.scrollTop + shown.clientHeight >= shown.scrollHeight - 8;
      settle(this.#box, this.#text, () => (this.#text.trim() === "" ? el("p", { class: "empty" }, "It has no output.") : [
        el("pre", { class: "code output", tabindex: "0", "data-scrolls": true, "aria-label": "Output of the trial" }, this.#text),
        copyButton(() => this.#text, "Copy the output")]));
      const now = this.#box.querySelector("pre");
      if (now && atEnd) now.scrollTop = now.scrollHeight;
    } catch (error) {
      if (this.#signal.aborted || (error instanceof ApiError && error.status === 0)) return;
      const missing = error instanceof ApiError && error.status === 404;
      if (missing) this.#missing = { attempt, at: Date.now() };
      settle(this.#box, String(error), () => (missing ? el("p", { class: "empty" }, `${sentence(error.message)} ${sentence(error.hint)}`)
        : errorPanel(error, () => this.refresh(trial))));
    }
  }
}
