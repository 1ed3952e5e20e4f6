/**
 * A figure of the service: redrawn only when its data, the theme or the width change. The old drawing stays until the new
 * one is ready.
 */

import { ApiError, get } from "../api.js";
import { el, settle } from "../dom.js";
import { themeChanges } from "../theme.js";
import { sentence } from "../words.js";
import { errorPanel, loading } from "./section.js";
import { themeConfig, vegaEmbed } from "./vega.js";

/** More marks than this are drawn on a canvas, since large SVGs are slow. */
const MANY_BYTES = 200_000;
/** Vega's name of the renderer. */
const ERRORS_ONLY = 1;

export class Figure {
  /** @type {any} */ #spec = null;
  #text = "";
  /** @type {any} */ #view = null;
  #drawing = 0;
  #width = 0;
  #path; #signal; #picked; #stage; #note; #caption;

  /**
   * @param {{ path: string, label: string, signal: AbortSignal, picked?: (datum: Record<string, any>) => void,
   *   table?: HTMLElement, caption?: string }} figure
   *   path: path of its specification; label: text alternative; picked: called when a mark is clicked;
   *   table: the same in numbers; caption: text below the drawing
   */
  constructor({ path, label, signal, picked, table, caption }) {
    this.#path = path;
    this.#signal = signal;
    this.#picked = picked;
    this.#stage = el("div", { class: "figure-stage", role: "img", "aria-label": label });
    this.#stage.hidden = true;
    this.#note = el("div", {}, loading());
    this.#caption = el("figcaption", { class: "note", hidden: true }, caption);
    vegaEmbed().catch(() => { /* reported when a figure is drawn */ });
    this.element = el("figure", { class: `figure${picked ? " picks" : ""}` }, this.#stage, this.#note, table, this.#caption);
    themeChanges.addEventListener("change", () => this.#draw(), { signal });
    const observer = new ResizeObserver(() => {
      if (Math.abs(this.element.clientWidth - this.#width) > 1) this.#draw();
    });
    observer.observe(this.element);
    signal.addEventListener("abort", () => {
      observer.disconnect();
      this.#view?.finalize();
    });
  }

  /**
   * Redraw if there is new data.
   *
   * @param {string | false} [nothing] why there is nothing to draw yet; no request is sent then
   */
  async refresh(nothing = false) {
    if (nothing) {
      this.#empty();
      settle(this.#note, nothing, () => el("p", { class: "empty" }, sentence(`there is nothing to draw: ${nothing}`)));
      return;
    }
    try {
      const spec = await get(this.#path, { signal: this.#signal });
      const text = JSON.stringify(spec);
      if (text === this.#text) return;
      [this.#spec, this.#text] = [spec, text];
      await this.#draw();
    } catch (error) {
      if (this.#signal.aborted || (error instanceof ApiError && error.status === 0 && this.#view)) return;
      this.#say(error);
    }
  }

  /** @param {unknown} error */
  #say(error) {
    const missing = error instanceof ApiError && error.status === 404;
    this.#empty();
    settle(this.#note, String(error), () => (missing
      ? el("p", { class: "empty" }, sentence(error.message)) : errorPanel(error, () => this.refresh())));
  }

  /** Remove the drawing, and cancel a pending one. */
  #empty() {
    this.#drawing++;
    this.#stage.hidden = this.#caption.hidden = true;
    [this.#spec, this.#text] = [null, ""];
  }

  async #draw() {
    if (!this.#spec || this.#signal.aborted) return;
    const turn = ++this.#drawing;
    const embed = await vegaEmbed();
    this.#width = this.element.clientWidth;
    if (this.#signal.aborted || turn !== this.#drawing || this.#width === 0) return;
    const next = el("div", { class: "figure-next" });
    this.#stage.hidden = false;
    this.#stage.append(next);
    const { view } = await embed(next, { ...this.#spec, width: "container", autosize: { type: "fit-x", contains: "padding" } }, {
      actions: false, ast: true, logLevel: ERRORS_ONLY, defaultStyle: false, config: themeConfig(), renderer: this.#text.length > MANY_BYTES ? "canvas" : "svg",
      tooltip: { disableDefaultStyle: true, id: "figure-tooltip" },
    });
    if (this.#signal.aborted || turn !== this.#drawing) {
      view.finalize();
      next.remove();
      return;
    }
    this.#view?.finalize();
    this.#view = view;
    next.classList.remove("figure-next");
    this.#stage.replaceChildren(next);
    this.#caption.hidden = !this.#caption.textContent;
    settle(this.#note, "", () => null);
    if (this.#picked) view.addEventListener("click", (/** @type {any} */ _event, /** @type {any} */ item) => {
      if (item?.datum) this.#picked?.(item.datum);
    });
  }
}
