/**
 * Whether the service answers. Every request reports here; whoever shows it listens.
 *
 * @typedef {"live" | "polling" | "lost" | "idle"} Link
 */

class Connection extends EventTarget {
  /** @type {Link} */ link = "idle";
  /** When it was lost. @type {Date | null} */ lostAt = null;

  /** An answer came, whatever it says. */
  answered() {
    if (this.link === "lost") this.#become(this.streaming ? "live" : "idle");
  }

  /** No answer came. */
  failed() {
    if (this.link !== "lost") {
      this.lostAt = new Date();
      this.#become("lost");
    }
  }

  /** @param {"live" | "polling" | "idle"} link how the open view hears of changes */
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
