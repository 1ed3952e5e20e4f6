/**
 * Plain values as YAML, for reading and for launching again. Strings that could be taken for something else are quoted, but for
 * seeds: they are numbers that JavaScript cannot hold, and come as strings of digits.
 */

const SEEDS = ["seed", "seeds"];

/**
 * @param {any} value of JSON
 * @param {string} [indent] spaces before its lines
 * @returns {string}
 */
export function yamlText(value, indent = "") {
  if (Array.isArray(value) && value.some((item) => item !== null && typeof item === "object" && Object.keys(item).length)) {
    return value.map((item) => `${indent}- ${yamlText(item, `${indent}  `).trimStart()}`).join("");
  }
  if (value !== null && typeof value === "object" && !Array.isArray(value) && Object.keys(value).length) {
    return Object.entries(value).map(([key, item]) => SEEDS.includes(key) && seedText(item) ? `${indent}${key}: ${seedText(item)}\n` : `${indent}${scalar(key)}:${nested(item) ? `\n${yamlText(item, `${indent}  `)}` : ` ${yamlText(item)}`}`).join("");
  }
  return `${Array.isArray(value) ? `[${value.map(scalar).join(", ")}]` : scalar(value)}\n`;
}

/** @param {any} value of a key of seeds @returns {string} it in digits; empty where it is something else */
function seedText(value) {
  if (Array.isArray(value)) return value.length && value.every(seedText) ? `[${value.map(seedText).join(", ")}]` : "";
  return /^-?\d+$/.test(String(value)) ? String(value) : "";
}

/** @param {any} value @returns {boolean} whether it stands on lines of its own */
function nested(value) {
  if (value === null || typeof value !== "object" || Object.keys(value).length === 0) return false;
  return !Array.isArray(value) || value.some((item) => item !== null && typeof item === "object");
}

/** @param {any} value @returns {string} */
function scalar(value) {
  if (typeof value !== "string") return value !== null && typeof value === "object" ? "{}" : numberText(value);
  return /^[A-Za-z_][\w .\/-]*$/.test(value) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(value) && !/\s$/.test(value)
    ? value : JSON.stringify(value);
}

/** @param {any} value @returns {string} YAML 1.1 takes 1e-05 for text and 1.0e-05 for a number */
function numberText(value) {
  const text = JSON.stringify(value);
  return text.includes("e") && typeof value === "number" && !text.includes(".") ? text.replace("e", ".0e") : text;
}
