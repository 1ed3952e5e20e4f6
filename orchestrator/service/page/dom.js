/**
 * Elements from plain values. Data is inserted as text nodes or attributes, never as markup.
 *
 * @typedef {Node | string | number | null | undefined | false} Child
 */

/**
 * Create an element.
 *
 * @param {string} tag
 * @param {Record<string, any>} [attributes] `class`, `aria-…` and so on; `on…` takes a listener; true, false, null and
 *   undefined set or omit a bare attribute; `value` and `checked` are set as properties.
 * @param {...(Child | Child[])} children
 * @returns {any} the element
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked") element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...nodes(children));
  return element;
}

/** @param {any[]} children @returns {(Node | string)[]} the children that are not empty, flattened */
export function nodes(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child)));
}

/** @type {WeakMap<Element, string>} */
const shown = new WeakMap();

/**
 * Show a value in a box unless it already shows it, which avoids flicker and keeps the focus.
 *
 * @template T
 * @param {HTMLElement} box
 * @param {T} value JSON-able
 * @param {(value: T) => Child | Child[]} build creates the content of the box
 * @returns {boolean} whether anything was changed
 */
export function settle(box, value, build) {
  const text = JSON.stringify(value) ?? "";
  if (shown.get(box) === text) return false;
  shown.set(box, text);
  const active = document.activeElement;
  const key = active && active !== box && box.contains(active) ? focusKey(active) : null;
  const scrolls = [...box.querySelectorAll("[data-scrolls]")].map((part) => [part.scrollLeft, part.scrollTop]);
  box.replaceChildren(...nodes([build(value)]));
  [...box.querySelectorAll("[data-scrolls]")].forEach((part, index) => {
    if (scrolls[index]) [part.scrollLeft, part.scrollTop] = scrolls[index];
  });
  if (key !== null) [...box.querySelectorAll("a, button, input, select, summary, [tabindex]")]
    .find((candidate) => focusKey(candidate) === key)?.focus({ preventScroll: true });
  return true;
}

/** @param {Element} element @returns {string} a key that identifies it among its siblings, also after they are rebuilt */
function focusKey(element) {
  return [element.tagName, element.id, element.getAttribute("href"), element.getAttribute("data-key"),
    element.getAttribute("aria-label"), element.getAttribute("href") ? "" : element.textContent].join("|");
}

/** Reset a box, so that the next {@link settle} rebuilds it. @param {HTMLElement} box */
export function unsettle(box) {
  shown.delete(box);
}

/**
 * Wait.
 *
 * @param {number} milliseconds
 * @param {AbortSignal} [signal] ends the wait early
 * @returns {Promise<void>}
 */
export function pause(milliseconds, signal) {
  return new Promise((done) => {
    if (signal?.aborted) return done();
    const timer = setTimeout(end, milliseconds);
    function end() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      done();
    }
    signal?.addEventListener("abort", end);
  });
}
