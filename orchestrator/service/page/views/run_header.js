/** The header of a run's view: state, progress, remaining time, and the result of the proofs of zero forgetting. */

import { el } from "../dom.js";
import { copyButton, digest } from "../parts/copy.js";
import { facts, figures } from "../parts/facts.js";
import { moment } from "../parts/moment.js";
import { progressBar } from "../parts/progress.js";
import { stateBadge } from "../parts/state.js";
import { links } from "../router.js";
import { capital, count, duration, NOTHING, percent, points, training } from "../words.js";
import { yamlText } from "../yaml_text.js";

/** @param {any} run @returns {import("../dom.js").Child[]} */
export function runHeader(run) {
  const left = run.state === "running" && run.seconds_left !== null ? `about ${duration(run.seconds_left)} left` : null;
  const running = run.trials_running ? `${count(run.trials_running)} running` : null;
  return [
    el("div", { class: "title-row" }, el("h1", {}, run.name), stateBadge(run.state)),
    el("p", { class: "subtitle" }, [run.benchmark, run.method !== "clnp" && run.method, run.group && `group ${run.group}`]
      .filter(Boolean).join(" · "), " · created ", moment(run.created_at),
    run.forked_from && [" · fork of ", el("a", { href: links.run(run.forked_from) }, run.forked_from), ` after task ${run.forked_after_task}`]),
    el("div", { class: "run-progress" }, progressBar(run.fraction_done, "Progress of the run", run.state),
      el("span", {}, [run.step && capital(run.step), `${Math.floor(100 * (run.fraction_done ?? 0))} %`, left, running].filter(Boolean).join(" · "))),
    figures([
      ["Mean test accuracy", percent(run.mean_test_accuracy), "over the committed tasks"],
      ["Tasks committed", `${run.tasks_committed} / ${run.tasks}`],
      ["Trials ended", run.trials_total ? `${count(run.trials_ended)} / ${count(run.trials_total)}` : NOTHING],
      run.divides_the_network && ["Margin", `${run.margin_points} pp`, "percentage points"],
      ["Seed", String(run.seed)],
    ]),
    run.forgetting && el("p", { class: "claim", "data-verified": String(run.forgetting.verified) }, run.forgetting.sentence),
    run.at_chance.length > 0 && el("p", { class: "claim at-chance", "data-verified": "false" }, run.at_chance.join(" ")),
    run.last_event && el("p", { class: "last-event" }, "Last event ", moment(run.last_event.at, { relative: true }), `: ${run.last_event.message}`),
  ];
}

/** @param {any} run @returns {import("../dom.js").Child[]} its environment and its config */
export function runFacts(run) {
  const versions = Object.entries(run.package_versions ?? {}).map(([name, version]) => `${name} ${version}`).join(", ");
  const text = yamlText(run.config);
  return [
    facts([
      ["Environment", run.environment && Object.entries(run.environment).sort(([a], [b]) => Number(b === "device") - Number(a === "device"))
        .map(([key, value]) => (key === "device" ? value : `${key} ${value}`)).join(", ")],
      ["Seed", String(run.seed)],
      run.divides_the_network && ["Margin", points(run.margin_points)],
      ["Training", run.config?.training?.optimizer && training(run.config.training)],
      ["Code", run.code_version],
      ["Packages", versions],
      ["Config digest", run.config_digest && digest(run.config_digest, "the digest of the config")],
      ["Driver", run.driver_lives && run.owner && `process ${run.owner.pid} on ${run.owner.host}`],
    ]),
    el("details", { class: "fold" }, el("summary", {}, "Config"),
      el("div", { class: "fold-tools" }, copyButton(() => text, "Copy the config"), " ",
        el("a", { class: "button tiny", href: `#/launch?from=${encodeURIComponent(run.name)}` }, "Launch another run from it")),
      el("pre", { tabindex: "0", class: "code", "aria-label": "Config of the run" }, text)),
  ];
}
