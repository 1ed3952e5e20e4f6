"""The model card as Markdown: ``model_card.md``, from the same values as ``model_card.json``."""

import json
from collections.abc import Sequence

from orchestrator.export.card import Card, Counted, InputFacts, MeasuredLatency, OutputFacts, Size
from orchestrator.render.matrices import percent
from orchestrator.render.output import plain


def card_text(card: Card) -> str:
    """Return the whole page in Markdown."""
    return "\n\n".join([
        f"# Task {card.task.task} of run {card.task.run}",
        f"The sub-network of one task of `{card.task.benchmark}`, cut out of a network that has learnt "
        f"{_count(card.commit.taken_from_task, 'task')}: the neurons that the output of this task depends on, and no others. "
        f"**{card.task.known_beforehand}**",
        "## Use it", *_use(card),
        "## Input and output", _table(("", "input", "output"), _ends(card.input, card.output)),
        *_about_input(card.input), *_about_output(card.output),
        "## Accuracy", _table(("data", "correct", "of", "accuracy %", "at the commit"), [
            _accuracy("validation", card.validation), _accuracy("test", card.test)]),
        f"Validation data decided how the task was trained and pruned; test data decided nothing. {card.verification.result}.",
        "## Size and speed", _table(("", "sub-network", "full network"), _sizes(card)),
        "Multiply-adds are those of dense layers and convolutions, for one sample. Milliseconds a batch on "
        f"{card.latency.device}, {_count(card.latency.threads, 'thread')}, median (quartiles), the two networks in turn:",
        _table(("runtime", "batch", "sub-network", "full network", "times faster", "repeats"),
               [_measured(each) for each in card.latency.measured]),
        _table(("file", "sha256"), [(each.name + (f" (opset {each.opset})" if each.opset else ""), f"`{each.sha256}`")
                                    for each in card.files]),
        "## Where it comes from", _table(("what", "value"), _facts(card)),
        "The commits it stands on:", _table(("task", "digest", "parent"), [
            (str(each.task), f"`{each.digest}`", f"`{each.parent_digest}`" if each.parent_digest else "none")
            for each in card.commit.lineage]),
        "The run's config:", f"```json\n{json.dumps(plain(card.provenance.config), indent=1)}\n```",
    ]) + "\n"


def network_text(card: Card, size: Size) -> str:
    """Return ``64 → 51 → 78 → 10``: values, neurons of every hidden layer, classes."""
    first = "×".join(map(str, card.input.shape))
    return " → ".join([first, *(f"{neurons:,}" for neurons in size.layers), str(card.output.classes)])


def times_text(each: MeasuredLatency) -> tuple[str, str]:
    """Return median and quartiles in milliseconds, of the sub-network and of the full network."""
    sub, full = (f"{timing.median_ms:.3g} ({timing.lower_quartile_ms:.3g} to {timing.upper_quartile_ms:.3g})"
                 for timing in (each.sub_network, each.full_network))
    return sub, full


def _use(card: Card) -> list[str]:
    parts = []
    for runtime, code in card.loading.items():
        parts += [f"With {runtime} alone, in this folder:", f"```python\n{code}\n```"]
    return [*parts, "`logits.argmax(1)` are the predicted labels. The first dimension is the batch, of any size."]


def _ends(given: InputFacts, found: OutputFacts) -> list[tuple[str, str, str]]:
    return [("name", f"`{given.name}`", f"`{found.name}`"),
            ("shape", _shape(given.shape), _shape((found.classes,))),
            ("dtype", given.dtype, "float32"),
            ("values", f"{given.lowest:g} to {given.highest:g}", "logits")]


def _about_input(given: InputFacts) -> list[str]:
    what = "channels" if len(given.shape) > 1 else "values"
    lines = [f"{given.meaning}."]
    lines += [f"The model's own step {number}: (values − {_numbers(each.shift)}) / {_numbers(each.scale)}."
              for number, each in enumerate(given.scalings, start=1)]
    if given.unread:
        lines.append(f"The first layer reads {given.read:,} of the {given.read + given.unread:,} {what}; those that it does "
                     "not read are taken all the same and make no difference.")
    return lines


def _about_output(found: OutputFacts) -> list[str]:
    lines = []
    if found.stands_for is not None:
        lines.append("Label k stands for class number k of this list: " + ", ".join(map(str, found.stands_for)) + ".")
    if found.constant:
        lines.append(f"The logit of label {', '.join(map(str, found.constant))} is the same for every sample: nothing is left "
                     "of its weights. It keeps its place.")
    return lines


def _accuracy(name: str, counted: Counted) -> tuple[str, ...]:
    recorded = "not recorded" if counted.recorded_correct is None else f"{counted.recorded_correct:,}"
    return name, f"{counted.correct:,}", f"{counted.total:,}", percent(counted.accuracy), recorded


def _sizes(card: Card) -> list[tuple[str, ...]]:
    sub, full = card.sub_network, card.full_network
    return [("neurons per hidden layer", _neurons(sub), _neurons(full)),
            ("parameters", f"{sub.parameters:,}", f"{full.parameters:,}"),
            ("multiply-adds", f"{sub.multiply_adds:,}", f"{full.multiply_adds:,}"),
            *((f"bytes of {each.name}", f"{each.file_bytes:,}", f"{each.full_network_bytes:,}") for each in card.files)]


def _measured(each: MeasuredLatency) -> tuple[str, ...]:
    return each.runtime, f"{each.batch}", *times_text(each), f"{each.times_faster:.1f}", f"{each.sub_network.repeats}"


def _facts(card: Card) -> list[tuple[str, str]]:
    chosen, made, commit = card.selection, card.provenance, card.commit
    return [
        ("commit of the task", f"`{commit.digest}`"),
        ("taken from", f"the commit of task {commit.taken_from_task}, `{commit.taken_from_digest}`, which holds the "
                       "sub-network bit for bit as the task's own commit does"),
        ("seed", str(made.seed)),
        ("trial", f"{chosen.trial}, α {_numbers(chosen.alpha)}, learning rate {chosen.learning_rate:g}, "
                  f"seed {chosen.trial_seed}, key `{chosen.trial_key}`"),
        ("selection", f"{chosen.rule}, margin of {_points(chosen.margin_points)} of validation accuracy"),
        ("thresholds θ*", ", ".join("none" if each is None else f"{each:g}" for each in chosen.thresholds)),
        ("fine-tuning", "none" if chosen.fine_tuning is None else _count(len(chosen.fine_tuning), "round")),
        ("data", f"{card.data.train_samples:,} training, {card.data.validation_samples:,} validation, "
                 f"{card.data.test_samples:,} test samples; digest `{card.data.split_digest}`"),
        ("config", f"digest `{made.config_digest}`"),
        ("trained by", f"clnp {made.code_version}; " + _versions(made.package_versions)),
        ("exported by", f"clnp {made.exported_by}, {made.exported_at}; " + _versions(made.exported_with))]


def _versions(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in versions.items() if name != "clnp")


def _points(margin_points: str) -> str:
    return f"{margin_points} percentage point{'' if margin_points == '1' else 's'}"


def _neurons(size: Size) -> str:
    return ", ".join(f"{neurons:,}" for neurons in size.layers)


def _numbers(values: Sequence[float]) -> str:
    same = values[:1] if len(set(values)) == 1 else values
    return ", ".join(f"{value:g}" for value in same)


def _shape(sample: Sequence[int]) -> str:
    return f"[batch, {', '.join(map(str, sample))}]"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [titles, ["---"] * len(titles), *rows])
