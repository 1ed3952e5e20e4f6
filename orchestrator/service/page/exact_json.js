/** JSON with exact whole numbers: JavaScript numbers are exact up to 2 to the power of 53, and seeds have 63 bits. */

/** A string, which stays unchanged, or a number. */
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/**
 * Like `JSON.parse`, but whole numbers that JavaScript would round become strings of digits.
 *
 * @param {string} text @returns {any}
 */
export function parseExactly(text) {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  return JSON.parse(text.replace(TOKENS, (token) => (/^-?\d{16,}$/.test(token) && !Number.isSafeInteger(Number(token)) ? `"${token}"` : token)));
}
