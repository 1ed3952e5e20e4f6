/** The drawing library, loaded with the first figure, and its colours for the current theme. */

import { colour } from "../theme.js";

/** @type {Promise<any> | null} */
let embedding = null;

/** @returns {Promise<any>} `vegaEmbed` */
export function vegaEmbed() {
  embedding ??= new Promise((loaded, failed) => {
    const script = document.createElement("script");
    script.src = "/vega.js";
    script.onload = () => loaded(/** @type {any} */ (window).vegaEmbed);
    script.onerror = () => {
      embedding = null;
      script.remove();
      failed(new Error("the drawing library did not load"));
    };
    document.head.append(script);
  });
  return embedding;
}

/** @returns {Record<string, any>} the part of a figure's config that depends on the theme */
export function themeConfig() {
  const ink = colour("--ink"), soft = colour("--ink-soft"), line = colour("--line");
  const words = { labelColor: soft, titleColor: soft, labelFontSize: 11, titleFontSize: 12, titleFontWeight: 500 };
  return {
    background: null, font: getComputedStyle(document.body).fontFamily,
    view: { stroke: null },
    axis: { ...words, gridColor: line, domainColor: line, tickColor: line },
    legend: { ...words, symbolStrokeColor: soft },
    header: { ...words, labelColor: ink },
    title: { color: ink, subtitleColor: soft, fontSize: 13, fontWeight: 600, anchor: "start" },
    text: { color: ink },
  };
}
