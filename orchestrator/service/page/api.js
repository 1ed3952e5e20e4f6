/** Requests to the service: responses as plain values, or an {@link ApiError} with what is wrong and how to fix it. */

import { connection } from "./connection.js";
import { parseExactly } from "./exact_json.js";
import { token } from "./token.js";

const BASE = "/api/v1";

/** An error of the service, or a missing response. */
export class ApiError extends Error {
  /**
   * @param {string} message @param {string} hint
   * @param {number} status HTTP status; 0 without a response
   */
  constructor(message, hint, status) {
    super(message);
    this.hint = hint;
    this.status = status;
  }
}

/** Notified when the service requires a token, or another one. */
export const tokenWanted = new EventTarget();

/**
 * Send a GET request.
 *
 * @param {string} path behind `/api/v1`
 * @param {{ query?: Record<string, any>, signal?: AbortSignal, as?: "json" | "text" }} [options] empty values of the
 *   query are omitted
 * @returns {Promise<any>}
 */
export async function get(path, { query = {}, signal, as = "json" } = {}) {
  const answer = await send(path + search(query), { signal, cache: "no-cache" });
  const text = await answer.text();
  return as === "text" ? text : parseExactly(text);
}

/**
 * Like {@link get}, with null for 404.
 *
 * @param {string} path @param {Parameters<typeof get>[1]} [options] @returns {Promise<any | null>}
 */
export async function getIfThere(path, options) {
  try {
    return await get(path, options);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

/**
 * Send a POST request; requires the token.
 *
 * @param {string} path @param {Record<string, any>} body @param {AbortSignal} [signal] @returns {Promise<any>}
 */
export async function post(path, body, signal) {
  const answer = await send(path, {
    method: "POST", signal, body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
  return parseExactly(await answer.text());
}

/**
 * Check a token.
 *
 * @param {string} given @returns {Promise<string>} what is wrong with it; empty if it is valid
 */
export async function wrongToken(given) {
  try {
    await send("/token", { headers: { Authorization: `Bearer ${given}` } });
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * Send a request, with the token if there is one.
 *
 * @param {string} path @param {RequestInit} options @returns {Promise<Response>} its status is 2xx
 */
export async function send(path, options) {
  const headers = new Headers(options.headers);
  const held = token();
  if (held && !headers.has("Authorization")) headers.set("Authorization", `Bearer ${held}`);
  let answer;
  try {
    answer = await fetch(BASE + path, { ...options, headers });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    connection.failed();
    throw new ApiError("the service does not answer", "check that `clnp serve` is running and that this machine can reach it", 0);
  }
  connection.answered();
  if (answer.ok) return answer;
  if (answer.status === 401) tokenWanted.dispatchEvent(new Event("wanted"));
  throw await errorOf(answer);
}

/** @param {Response} answer @returns {Promise<ApiError>} */
async function errorOf(answer) {
  try {
    const { error } = await answer.json();
    const hint = answer.status === 401 ? "enter it with the button Token above" : error.hint ?? "";
    return new ApiError(error.message, hint, answer.status);
  } catch {
    return new ApiError(`the service answered with status ${answer.status}`, "see its log", answer.status);
  }
}

/** @param {Record<string, any>} query @returns {string} `?a=b`, or nothing */
export function search(query) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return given.length ? `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}` : "";
}

/** Paths of the service, and of this page (`#/…`), from the names of things. */
export const paths = {
  /** @param {string} run */ run: (run) => `/runs/${encodeURIComponent(run)}`,
  /** @param {string} run @param {number} task */ stage: (run, task) => `${paths.run(run)}/stages/${task}`,
  /** @param {string} run @param {number} task @param {number} trial */
  trial: (run, task, trial) => `${paths.stage(run, task)}/trials/${trial}`,
};
