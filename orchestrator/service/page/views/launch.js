/** Launch a run from a config: all its errors are shown together; without errors, the page of the run opens. */

import { get, paths, post } from "../api.js";
import { el } from "../dom.js";
import { announce } from "../announce.js";
import { empty, errorPanel, loading } from "../parts/section.js";
import { links } from "../router.js";
import { token, tokenChanges } from "../token.js";
import { yamlText } from "../yaml_text.js";
import { startedAs } from "./run_actions.js";

const EXAMPLE = `benchmark:
  name: permuted-digits
  tasks: 5
network:
  hidden: [300, 300]
training:
  epochs: 40
  batch_size: 32
sweep:
  alpha: [3e-4, 6e-4, 1e-3]
  learning_rate: [0.003, 0.01]
selection:
  margin_points: 1
`;

/** @returns {import("../main.js").View} */
export function launchView() {
  return { title: "Launch a run", show };
}

/** @param {import("../main.js").Place} place */
function show({ box, query, signal }) {
  const name = el("input", { id: "launch-name", autocomplete: "off", spellcheck: "false", placeholder: "from the config" });
  const config = el("textarea", { id: "launch-config", rows: "22", spellcheck: "false", class: "code", value: EXAMPLE });
  const file = el("input", { type: "file", accept: ".yaml,.yml,.json", onchange: async () => {
    if (file.files?.[0]) config.value = await file.files[0].text();
  } });
  const as = startedAs(), answer = el("div", { role: "status" });
  const submit = el("button", { type: "submit", class: "button primary" }, "Launch");
  const form = el("form", { class: "launch panel", onsubmit: async (/** @type {Event} */ event) => {
    event.preventDefault();
    submit.disabled = true;
    await launch({ config_yaml: config.value, ...(name.value.trim() && { name: name.value.trim() }), as: as.select.value || null }, answer, signal);
    submit.disabled = false;
  } },
  el("label", { class: "field" }, "Name", name), el("label", { class: "field" }, "Config (YAML)", config),
  el("label", { class: "field" }, "…or from a file", file), as.label, el("div", { class: "actions" }, submit), answer);
  const closed = el("div", { class: "panel" }, empty("Launching requires the service's token.", "Enter it with the button Token above."));
  box.append(el("h1", {}, "Launch a run"), form, closed);
  const look = () => {
    form.hidden = !token();
    closed.hidden = Boolean(token());
  };
  tokenChanges.addEventListener("change", look, { signal });
  look();
  if (query.from) {
    get(paths.run(query.from), { signal }).then((row) => {
      const { name: _, ...rest } = row.config;
      config.value = `# as run ${row.name}, with every default written out\n${yamlText(rest)}`;
    }).catch((error) => !signal.aborted && answer.replaceChildren(errorPanel(error)));
  }
}

/** @param {Record<string, any>} body @param {HTMLElement} box for errors @param {AbortSignal} signal */
async function launch(body, box, signal) {
  try {
    box.replaceChildren(loading("Reading the config…"));
    const started = await post("/runs", body, signal);
    announce(`Run ${started.run} is launched.`);
    location.hash = links.run(started.run);
  } catch (error) {
    if (!signal.aborted) box.replaceChildren(errorPanel(error));
  }
}
