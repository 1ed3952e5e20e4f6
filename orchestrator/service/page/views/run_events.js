/** Live events of a run, newest first. */

import { announce } from "../announce.js";
import { get, paths } from "../api.js";
import { el, settle } from "../dom.js";
import { moment } from "../parts/moment.js";
import { empty, errorPanel, loading } from "../parts/section.js";

/** Number of lines shown at first; more on demand. */
const WINDOW = 100;

export class EventLog {
  /** By id. @type {Map<number, any>} */ #events = new Map();
  #run; #box; #signal;
  #latest = 0;
  #from = 0;
  #loading = false;
  #loaded = false;

  /** @param {string} run @param {HTMLElement} box @param {AbortSignal} signal */
  constructor(run, box, signal) {
    [this.#run, this.#box, this.#signal] = [run, box, signal];
    box.append(loading());
  }

  /** Fetch all events up to this one. @param {number} latest the id of the run's last event */
  async reach(latest) {
    if (this.#loading || (this.#loaded && latest <= this.#latest)) return;
    if (!this.#loaded) this.#from = Math.max(0, latest - WINDOW);
    await this.#load(this.#loaded ? this.#latest : this.#from);
  }

  /** @param {any[]} events events of the stream */
  add(events) {
    if (!this.#loaded) return;
    for (const event of events) {
      if (event.id > this.#latest) announce(event.message);
      if (event.id > this.#from) this.#events.set(event.id, event);
      this.#latest = Math.max(this.#latest, event.id);
    }
    this.#show();
  }

  /** @param {number} after an id */
  async #load(after) {
    this.#loading = true;
    try {
      for (let from = after; ;) {
        const events = await get(`${paths.run(this.#run)}/events`, { query: { after_id: from, limit: 1000 }, signal: this.#signal });
        for (const event of events) this.#events.set(event.id, event);
        from = events.at(-1)?.id ?? from;
        this.#latest = Math.max(this.#latest, from);
        if (events.length < 1000) break;
      }
      this.#loaded = true;
      this.#show();
    } catch (error) {
      if (!this.#signal.aborted && !this.#loaded) settle(this.#box, String(error), () => errorPanel(error, () => this.#load(after)));
    } finally {
      this.#loading = false;
    }
  }

  #show() {
    const events = [...this.#events.values()].sort((a, b) => b.id - a.id);
    const earlier = this.#from > 0 && events.at(-1)?.kind !== undefined && !events.some((event) => event.message.startsWith("created"));
    settle(this.#box, [events.map((event) => event.id), earlier], () => (events.length === 0 ? empty("No events yet.") : [
      el("ol", { class: "events", role: "log", "aria-label": "Events, newest first", tabindex: "0", "data-scrolls": true },
        events.map((event) => el("li", { "data-kind": event.kind }, moment(event.at, { seconds: true }),
          el("span", { class: "event-kind" }, event.kind), el("span", { class: "event-text" }, event.message)))),
      earlier && el("button", { type: "button", class: "button tiny", onclick: () => this.#earlier() }, "Earlier events"),
    ]));
  }

  async #earlier() {
    this.#from = Math.max(0, this.#from - 10 * WINDOW);
    await this.#load(this.#from);
  }
}
