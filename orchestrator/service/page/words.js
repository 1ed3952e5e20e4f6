/** Formats of values, as on the command line: percent with two decimals, durations, hyperparameters, counts. */

/** Shown for a value that is unknown or does not apply. */
export const NOTHING = "–";

/** @param {number | null | undefined} fraction @returns {string} 0.98421 → `98.42 %` */
export function percent(fraction) {
  return fraction === null || fraction === undefined ? NOTHING : `${(100 * fraction).toFixed(2)} %`;
}

/** @param {number | null | undefined} part @param {number | null | undefined} total @returns {string} */
export function share(part, total) {
  return part === null || part === undefined || !total ? NOTHING : percent(part / total);
}

/** @param {number | null | undefined} value @returns {string} a count, with commas between thousands */
export function count(value) {
  return value === null || value === undefined ? NOTHING : value.toLocaleString("en-US");
}

/** @param {number} value @param {string} noun @returns {string} `1 task`, `2,000 tasks` */
export function plural(value, noun) {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

/** @param {string} points @returns {string} a margin: `1 percentage point` */
export function points(points) {
  return `${points} percentage point${points === "1" ? "" : "s"}`;
}

/** @param {number | null | undefined} value @returns {string} the shortest text of a number: `1e-5`, `0.002` */
export function number(value) {
  if (value === null || value === undefined) return NOTHING;
  return value !== 0 && Math.abs(value) < 1e-4 ? value.toExponential() : String(value);
}

/** @param {number[]} values @returns {string} α of every layer, once where all are the same */
export function alpha(values) {
  return (new Set(values).size > 1 ? values : values.slice(0, 1)).map(number).join(" ") || NOTHING;
}

/** @param {(number | null)[] | null | undefined} values @returns {string} θ* of every hidden layer */
export function thresholds(values) {
  if (!values?.length) return NOTHING;
  const texts = values.map((value) => (value === null ? "none" : String(Number(value.toPrecision(4)))));
  return new Set(texts).size === 1 ? texts[0] : texts.join(" / ");
}

/** @param {number[]} numbers @returns {string} 0, 1, 2, 5 → `0 to 2, 5` */
export function ranges(numbers) {
  /** @type {number[][]} */
  const groups = [];
  for (const value of [...numbers].sort((a, b) => a - b)) {
    const last = groups.at(-1);
    if (last && value === last[last.length - 1] + 1) last.push(value);
    else groups.push([value]);
  }
  return groups.map((group) => (group.length === 1 ? String(group[0]) :
    `${group[0]}${group.length === 2 ? ", " : " to "}${group[group.length - 1]}`)).join(", ");
}

/** @param {number | null | undefined} seconds @returns {string} `4.2 s`, `35 min`, `2.0 h`, `3.1 days` */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return NOTHING;
  if (seconds < 1) return `${seconds.toFixed(2)} s`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 48 * 3600 ? `${(seconds / 3600).toFixed(1)} h` : `${(seconds / 86400).toFixed(1)} days`;
}

/** @param {number} size @returns {string} `814 B`, `1.2 MB`; a kilobyte has 1,000 bytes */
export function bytes(size) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) [size, unit] = [size / 1000, unit + 1];
  return unit ? `${size.toFixed(1)} ${units[unit]}` : `${size} B`;
}

/** @param {string} digest @returns {string} enough of it to tell one from another */
export function shortDigest(digest) {
  return digest.slice(0, 12);
}

/** @param {string} text @returns {string} with a capital first letter */
export function capital(text) {
  return text && text[0].toUpperCase() + text.slice(1);
}

/** @param {string} text @returns {string} with a capital first letter and a full stop */
export function sentence(text) {
  const trimmed = text.trim();
  return trimmed && capital(trimmed) + (/[.!?:]$/.test(trimmed) ? "" : ".");
}

/**
 * @param {any} network an architecture as it is recorded
 * @returns {string} `64-300-300-10, relu, one head for all tasks`
 */
export function architecture(network) {
  const head = (network.head === "single" ? "one head for all tasks" : "a head per task")
    + (network.head_bias ? " with bias" : "");
  const activations = [...new Set(network.layers.map((/** @type {any} */ layer) => layer.activation))].join(", ");
  if (network.input_shape.length === 1) {
    const widths = [network.input_shape[0], ...network.layers.map((/** @type {any} */ layer) => layer.neurons), network.classes];
    return `${widths.join("-")}, ${activations}, ${head}`;
  }
  const chain = [network.input_shape.join("×"), ...network.layers.map(layerText), network.classes];
  return `${chain.join(" > ")}; ${activations}, ${head}`;
}

/** @param {any} layer @returns {string} */
function layerText(layer) {
  return [`${layer.kind === "dense" ? "" : "conv "}${layer.neurons}`, layer.batch_norm && "norm",
    layer.pool && `${layer.pool.kind ?? ""} pool`.trim(), layer.dropout && `dropout ${number(layer.dropout)}`].filter(Boolean).join(", ");
}

/** @param {any} training @returns {string} optimizer, batches and epochs */
export function training(training) {
  const parts = [training.optimizer, `batches of ${training.batch_size}`, plural(training.epochs, "epoch")];
  if (training.milestones?.length) parts.push(`rate × ${number(training.gamma)} after epoch ${training.milestones.join(", ")}`);
  if (training.early_stopping_patience) parts.push(`early stopping after ${plural(training.early_stopping_patience, "epoch")}`);
  return parts.join(", ");
}
