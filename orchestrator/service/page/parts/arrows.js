/** Arrow keys in a row of links: Tab focuses one of them; arrows, Home and End move between them. */

/** @param {HTMLElement} list contains the links @param {number} current the one that Tab focuses */
export function arrowKeys(list, current) {
  const items = () => /** @type {HTMLElement[]} */ ([...list.querySelectorAll("a")]);
  items().forEach((item, index) => { item.tabIndex = index === current ? 0 : -1; });
  list.addEventListener("keydown", (event) => {
    const all = items(), at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns(all), ArrowUp: -columns(all), Home: -at, End: all.length - 1 - at };
    const step = steps[/** @type {keyof typeof steps} */ (event.key)];
    if (at < 0 || step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const next = all[Math.min(all.length - 1, Math.max(0, at + step))];
    all.forEach((item) => { item.tabIndex = item === next ? 0 : -1; });
    next.focus();
  });
}

/** @param {HTMLElement[]} items @returns {number} the number of items in the first line */
function columns(items) {
  return Math.max(1, items.filter((item) => item.offsetTop === items[0].offsetTop).length);
}
