/**
 * Updates of an open view: the service's event stream, read by fetch because it needs the token in a header, and polling
 * without a stream. A hidden tab closes its connection, since browsers permit six per host.
 */

import { ApiError, paths, send } from "./api.js";
import { connection } from "./connection.js";
import { pause } from "./dom.js";
import { parseExactly } from "./exact_json.js";

/** Polling interval without a stream. */
export const POLL_MILLISECONDS = 4000;
/** Minimum time between two refreshes of a view. */
const GAP_MILLISECONDS = 1200;
/** A stream that is silent for longer is considered dead: the service sends messages more often. */
const SILENCE_MILLISECONDS = 45000;

/**
 * One message of an event stream.
 *
 * @typedef {{ id: string, event: string, data: string }} Message
 */

/**
 * Call `refresh` now and after every nudge, never twice at a time, and again whenever the connection is restored or the tab becomes visible.
 *
 * @param {() => Promise<void>} refresh handles its own errors
 * @param {AbortSignal} signal stops it
 * @returns {() => void} the nudge
 */
export function refreshing(refresh, signal) {
  let wanted = false, busy = false;
  const nudge = async () => {
    wanted = true;
    if (busy || signal.aborted || document.hidden) return;
    busy = true;
    while (wanted && !signal.aborted) {
      wanted = false;
      await refresh();
      await pause(GAP_MILLISECONDS, signal);
    }
    busy = false;
  };
  connection.addEventListener("back", nudge, { signal });
  document.addEventListener("visibilitychange", nudge, { signal });
  for (const network of ["online", "offline"]) addEventListener(network, nudge, { signal });
  nudge();
  return nudge;
}

/**
 * Nudge every few seconds while the tab is visible.
 *
 * @param {() => void} nudge @param {AbortSignal} signal @param {number} [milliseconds]
 */
export async function poll(nudge, signal, milliseconds = POLL_MILLISECONDS) {
  if (connection.link !== "lost") connection.hears("polling");
  while (!signal.aborted) {
    await pause(milliseconds, signal);
    if (!document.hidden && !signal.aborted) nudge();
  }
}

/**
 * Follow a run: `heard` is called for every message of its stream, and with null every few seconds while there is none.
 *
 * @param {string} run
 * @param {(message: { event: string, data: any } | null) => void} heard
 * @param {AbortSignal} signal stops it
 */
export async function follow(run, heard, signal) {
  let last = "", wait = 500;
  while (!signal.aborted) {
    await seen(signal);
    const stop = new AbortController(), began = Date.now();
    const end = () => stop.abort();
    const hide = () => document.hidden && end();
    signal.addEventListener("abort", end);
    document.addEventListener("visibilitychange", hide);
    try {
      await stream(`${paths.run(run)}/events/stream`, last, stop, (message) => {
        last = message.id || last;
        heard({ event: message.event, data: parseExactly(message.data) });
      });
    } catch (error) {
      if (!(error instanceof ApiError) && !stop.signal.aborted) connection.failed();
    } finally {
      signal.removeEventListener("abort", end);
      document.removeEventListener("visibilitychange", hide);
    }
    if (signal.aborted || document.hidden) continue;
    connection.hears("polling");
    heard(null);
    wait = Date.now() - began > 10 * POLL_MILLISECONDS ? 1000 : Math.min(2 * wait, 2 * POLL_MILLISECONDS);
    await pause(wait, signal);
  }
}

/** @param {AbortSignal} signal @returns {Promise<void>} resolves when the tab is visible */
function seen(signal) {
  return new Promise((done) => {
    const look = () => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener("visibilitychange", look);
      signal.removeEventListener("abort", look);
      done();
    };
    document.addEventListener("visibilitychange", look);
    signal.addEventListener("abort", look);
    look();
  });
}

/**
 * Read a stream to its end.
 *
 * @param {string} path @param {string} last the id of the last received event @param {AbortController} stop
 * @param {(message: Message) => void} heard
 */
async function stream(path, last, stop, heard) {
  const answer = await send(path, { signal: stop.signal, cache: "no-store",
    headers: { Accept: "text/event-stream", ...(last && { "Last-Event-ID": last }) } });
  if (!answer.body || !answer.headers.get("Content-Type")?.startsWith("text/event-stream")) throw new Error("no stream");
  connection.hears("live");
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  const messages = new MessageReader(heard);
  let silence = 0;
  try {
    for (;;) {
      silence = setTimeout(() => stop.abort(), SILENCE_MILLISECONDS);
      const { done, value } = await reader.read();
      clearTimeout(silence);
      if (done) return;
      messages.read(value);
    }
  } finally {
    clearTimeout(silence);
  }
}

/** Parser of event streams: `id:`, `event:` and `data:` lines up to an empty one; lines may arrive in pieces. */
export class MessageReader {
  #rest = "";
  /** @type {{ id: string, event: string, data: string[] }} */ #open = { id: "", event: "message", data: [] };
  #heard;

  /** @param {(message: Message) => void} heard */
  constructor(heard) {
    this.#heard = heard;
  }

  /** @param {string} text the next part of the stream */
  read(text) {
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    lines.forEach((line) => this.#line(line));
  }

  /** @param {string} line */
  #line(line) {
    if (line === "") {
      if (this.#open.data.length) this.#heard({ ...this.#open, data: this.#open.data.join("\n") });
      this.#open = { id: "", event: "message", data: [] };
      return;
    }
    const [, field, value] = /^([^:]*)(?:: ?(.*))?$/.exec(line) ?? [];
    if (field === "data") this.#open.data.push(value ?? "");
    else if (field === "event" || field === "id") this.#open[field] = value ?? "";
  }
}
