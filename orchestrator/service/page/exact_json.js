/** JSON whose whole numbers are exact: JavaScript's own numbers are so up to 2 to the power of 53, and seeds have 63 bits. */

/** A string, which is left alone, or a number. */
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/**
 * Like `JSON.parse`, with a whole number that JavaScript would round as the string of its digits.
 *
 * @param {string} text @returns {any}
 */
export function parseExactly(text) {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  return JSON.parse(text.replace(TOKENS, (token) => (/^-?\d{16,}$/.test(token) && !Number.isSafeInteger(Number(token)) ? `"${token}"` : token)));
}
