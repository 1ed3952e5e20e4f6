/**
 * How an open view hears of changes: the service's event stream, read by fetch because it needs the token in a header, and
 * asking again every few seconds where there is no stream. A hidden tab keeps no connection, of which a browser has six.
 */

import { ApiError, paths, send } from "./api.js";
import { connection } from "./connection.js";
import { pause } from "./dom.js";
import { parseExactly } from "./exact_json.js";

/** Ask again so often where no stream tells of changes. */
export const POLL_MILLISECONDS = 4000;
/** Two refreshes of a view are at least so far apart. */
const GAP_MILLISECONDS = 1200;
/** A stream that is silent for so long is taken for dead: the service says something more often than that. */
const SILENCE_MILLISECONDS = 45000;

/**
 * One message of an event stream.
 *
 * @typedef {{ id: string, event: string, data: string }} Message
 */

/**
 * Call `refresh` now and after every nudge, never twice at a time, and again whenever the connection or the tab comes back.
 *
 * @param {() => Promise<void>} refresh handles its own errors
 * @param {AbortSignal} signal ends it
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
 * Nudge every few seconds while the tab is seen.
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
 * @param {AbortSignal} signal ends it
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

/** @param {AbortSignal} signal @returns {Promise<void>} when the tab is seen */
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
 * @param {string} path @param {string} last the id to go on behind @param {AbortController} stop
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

/** Takes an event stream apart: `id:`, `event:` and `data:` lines up to an empty one; lines may come in pieces. */
export class MessageReader {
  #rest = "";
  /** @type {{ id: string, event: string, data: string[] }} */ #open = { id: "", event: "message", data: [] };
  #heard;

  /** @param {(message: Message) => void} heard */
  constructor(heard) {
    this.#heard = heard;
  }

  /** @param {string} text what came next */
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
