// Draws a figure when it is about to become visible, in the colours of the page. Without scripts and in print, an image
// replaces it.
"use strict";
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const themes = read("themes");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const drawn = new Map();

  async function draw(place) {
    const specification = read(`${place.id}-specification`);
    const asked = (specification.usermeta || {}).embedOptions || {};
    const theme = dark.matches ? themes.dark : themes.light;
    try {
      const last = drawn.get(place);
      drawn.set(place, null);
      const result = await vegaEmbed(place, {
        ...specification, width: "container", autosize: { type: "fit-x", contains: "padding" } }, {
        ast: true, renderer: asked.renderer || "svg", config: { ...theme, background: null },
        actions: { export: true, source: false, compiled: false, editor: false },
        downloadFileName: place.id.replace("figure-", ""), loader: { http: { credentials: "omit" } },
      });
      if (last) last.finalize();
      drawn.set(place, result);
      place.parentElement.classList.add("drawn");
    } catch (error) {
      place.parentElement.classList.remove("drawn");
      console.error(error);
    }
  }

  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      seen.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: "800px" });

  document.documentElement.classList.add("scripted");
  document.querySelectorAll("[data-figure]").forEach((place) => seen.observe(place));
  dark.addEventListener("change", () => [...drawn.keys()].forEach(draw));

  // Unfolds all sections for printing, and restores them afterwards.
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    folded.forEach((each) => { each.open = true; });
  });
  addEventListener("afterprint", () => folded.forEach((each) => { each.open = false; }));
})();
