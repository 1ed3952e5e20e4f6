/**
 * The state of the connection. Every request reports here; views listen.
 *
 * @typedef {"live" | "polling" | "lost" | "idle"} Link
 */

class Connection extends EventTarget {
  /** @type {Link} */ link = "idle";
  /** When it was lost. @type {Date | null} */ lostAt = null;

  /** A response arrived, successful or not. */
  answered() {
    if (this.link === "lost") this.#become(this.streaming ? "live" : "idle");
  }

  /** No response arrived. */
  failed() {
    if (this.link !== "lost") {
      this.lostAt = new Date();
      this.#become("lost");
    }
  }

  /** @param {"live" | "polling" | "idle"} link how the open view receives changes */
  hears(link) {
    this.streaming = link === "live";
    if (this.link !== link && (this.link !== "lost" || link === "live")) this.#become(link);
  }

  streaming = false;

  /** @param {Link} link */
  #become(link) {
    const before = this.link;
    this.link = link;
    if (link !== "lost") this.lostAt = null;
    this.dispatchEvent(new Event("change"));
    if (before === "lost") this.dispatchEvent(new Event("back"));
  }
}

export const connection = new Connection();
