/** Information about the service: its version, its database, and whether it can change runs. Requested once. */

import { get } from "./api.js";

/** @type {Promise<any> | null} */
let asked = null;

/** @returns {Promise<any>} */
export function about() {
  asked ??= get("/").catch((error) => {
    asked = null;
    throw error;
  });
  return asked;
}
