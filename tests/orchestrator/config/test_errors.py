"""The text of every error: where, what, and how to fix it."""

from decimal import Decimal
from typing import Any

import pytest

from clnp_core.errors import ConfigError
from orchestrator.config.config import Config
from orchestrator.config.errors import show
from tests.messages import tells

SAMPLER = {"sampler": "tpe", "samples": 4, "alpha": {"low": 1e-6, "high": 1}, "learning_rate": {"low": 0.1, "high": 1}}
OWN = {"name": "lab:make", "tasks": 2}


def problems(values: dict[str, Any], changes: dict[str, Any]) -> list[str]:
    """The lines of the error that a valid config with some changes ends in; none when it is still valid."""
    for path, value in changes.items():
        *sections, name = path.split(".")
        section = values
        for part in sections:
            section = section.setdefault(part, {})
        section[name] = value
    try:
        Config.parse(values)
    except ConfigError as error:
        head, *lines = error.message.split("\n")
        assert head == f"the config has {'one problem' if len(lines) == 1 else f'{len(lines)} problems'}:"
        assert all(line.startswith("  ") for line in lines)
        return [line[2:] for line in lines]
    return []


@pytest.mark.parametrize(("changes", "line"), [
    ({"name": "a b"}, 'name: "a b" cannot name a run; letters, digits, dots, dashes and underscores, at most 100, the '
                      "first a letter or a digit"),
    ({"name": ".."}, 'name: ".." cannot name a run; letters'),
    ({"name": "a" * 101}, "name: "),
    ({"name": "lab\n"}, 'name: "lab\\n" cannot name a run'),
    ({"name": 5}, "name: must be text, not 5; letters"),
    ({"seed": True}, "seed: must be a whole number, not true; "),
    ({"seed": 2**63}, "seed: must be at most 9223372036854775807, not "),
    ({"seed": "010"}, 'seed: must be a whole number, not the text "010"; remove the quotes, or any zeros before it; '),
    ({"sede": 1}, "sede: unknown key; did you mean seed?"),
    ({"epochs": 1}, "epochs: unknown key; did you mean training.epochs or fine_tuning.epochs or teachers.epochs?"),
    ({"benchmark.lr": 1}, "benchmark.lr: unknown key; did you mean sweep.learning_rate or "
                          "sweep.later_tasks.learning_rate or fine_tuning.learning_rate or "
                          "teachers.learning_rate?"),
    ({"capacity.zzz": 1}, "capacity.zzz: unknown key; the keys of capacity are on_depletion, widen_by, widen_below"),
    ({"[key]": 1}, "[key]: unknown key; the keys at the top are name, seed, seeds, method, benchmark, network, training, "
                   "sweep, selection, fine_tuning, teachers, capacity, evaluation, resources"),
    ({"zzz": 1}, "zzz: unknown key; the keys at the top are name, seed, seeds, method, benchmark, network, training, sweep, "
                 "selection, fine_tuning, teachers, capacity, evaluation, resources"),
    ({"benchmark": None}, "benchmark: must be a section of keys, not nothing; the sequence of tasks"),
    ({"capacity": []}, "capacity: must be a section of keys, not []; what happens when the network is full; leave it out "
                       "for its defaults"),
    ({"benchmark.name": "permuted_mnist"}, 'benchmark.name: there is no benchmark "permuted_mnist"; did you mean '
                                           "permuted-mnist?; a benchmark of your own is written module:callable"),
    ({"benchmark.name": "imagenet"}, 'benchmark.name: there is no benchmark "imagenet"; there are permuted-digits, '
                                     "permuted-mnist, split-digits, split-cifar; a benchmark of your own is written "
                                     "module:callable"),
    ({"benchmark.name": "cifar"}, 'benchmark.name: there is no benchmark "cifar"; did you mean split-cifar?; '),
    ({"benchmark.name": "a b:c"}, 'benchmark.name: "a b:c" is not an import path; write module:callable, for example '
                                  "my_lab.tasks:make"),
    ({"benchmark.tasks": 0}, "benchmark.tasks: must be at least 1, not 0; tasks in the sequence, a whole number of at "
                             "least 1"),
    ({"benchmark.params": {"a": 1}}, "benchmark.params: cannot be used with permuted-digits, which takes no arguments; "
                                     "remove it"),
    ({"benchmark": OWN | {"params": {"a": {"b": [1, float("nan")]}}}},
     "benchmark.params: a.b[1] must be a finite number, not nan; "),
    ({"benchmark": OWN | {"params": {"a": {1: 2}}}}, "benchmark.params: a has the key 1, which is not text; put it in "
                                                     "quotes"),
    ({"benchmark": OWN | {"params": {1: 2}}}, "benchmark.params: a key must be text, not 1; put it in quotes"),
    ({"benchmark": OWN | {"params": {"a": 2**63}}}, "benchmark.params: a does not fit into 64 bits; "),
    ({"benchmark": OWN | {"params": {"seed": 1}}}, "benchmark.params: must not hold seed, which every benchmark is given; "
                                                   "set the top-level seed"),
    ({"benchmark": OWN | {"validation_fraction": 0.1}},
     "benchmark.validation_fraction: cannot be used with a benchmark of your own, which splits its data itself; remove it, "
     "or pass it to your callable in benchmark.params"),
    ({"benchmark": {"name": "split-digits", "tasks": 6}}, "benchmark.tasks: must be at most 5 with split-digits, not 6; "),
    ({"benchmark.class_order": "sed"}, 'benchmark.class_order: must be one of index, seed, not "sed"; did you mean seed?'),
    ({"benchmark.class_order": "seed"},
     "benchmark.class_order: cannot be used with permuted-digits, whose tasks all have the same images; remove it, or set "
     "benchmark.name to split-digits or split-cifar"),
    ({"benchmark": OWN | {"class_order": "seed"}},
     "benchmark.class_order: cannot be used with a benchmark of your own, which takes its classes in an order of its own; "
     "remove it, or pass it to your callable in benchmark.params"),
    ({"benchmark.samples_per_class": 50},
     "benchmark.samples_per_class: cannot be used with permuted-digits, whose tasks all have the same images; remove it"),
    ({"benchmark": OWN | {"samples_per_class": 50}},
     "benchmark.samples_per_class: cannot be used with a benchmark of your own, which chooses its samples itself; remove it"),
    ({"benchmark": {"name": "split-cifar", "tasks": 2, "samples_per_class": 1}},
     "benchmark.samples_per_class: must be at least 2, not 1; training images of each class"),
    ({"benchmark": OWN, "training.normalize": "standard"},
     "training: normalize standard cannot be used with a benchmark of your own, which delivers inputs ready for training; "
     "remove it, and normalize in your callable"),
    ({"benchmark.validation_fraction": 1}, "benchmark.validation_fraction: must be below 1, not 1; share of"),
    ({"network.hidden": []}, "network.hidden: must not be empty, not []; neurons of each hidden layer, a list of whole "
                             "numbers of at least 1"),
    ({"network.hidden": 5}, "network.hidden: must be a list, not 5; "),
    ({"network.hidden": [5, 0]}, "network.hidden[1]: must be at least 1, not 0; "),
    ({"training.epochs": 0.0}, "training.epochs: must be at least 1, not 0.0; "),
    ({"training.epochs": 1e20}, "training.epochs: must be a whole number, not 1e20; "),
    ({"training.milestones": [2.0, 2.0]}, "training.milestones: must rise from entry to entry, not [2.0, 2.0]; "),
    ({"sweep": SAMPLER | {"alpha": {"low": 1, "high": 1.0}}}, "sweep.alpha.high: must be above low, not 1.0; the upper end"),
    ({"training.weight_decay": -2.0}, "training.weight_decay: must be at least 0, not -2.0; "),
    ({"storage.keep_trials": -2.0}, "storage.keep_trials: must be all, none or a whole number of at least 0, not -2.0; "),
    ({"selection.margin_points": 101.0}, "selection.margin_points: must be between 0 and 100, not 101.0; "),
    ({"sweep.learning_rate": [1, 10**39]}, "sweep.learning_rate[1]: must be at most 3.4e38, the largest number of float32, not "
                                           "1000000000000000000000000000000000000000; learning rates above 0"),
    ({"sweep.alpha": [[0, 1e-45, 1]]}, "sweep.alpha[0][1]: must be 0 or at least 1.2e-38 in size, the smallest number of "
                                       "float32, not 1e-45; "),
    ({"training.optimizer": "sgd", "training.momentum": 0.999999999}, "training.momentum: must be below 1 in float32, too, not "
                                                                      "0.999999999; "),
    ({"network.hidden": [5, 2.5]}, "network.hidden[1]: must be a whole number, not 2.5; "),
    ({"network.activation": "GELLU"}, "network.activation: must be one of relu, leaky_relu, tanh, sigmoid, gelu, elu, silu, "
                                      'not "GELLU"; did you mean gelu?'),
    ({"network.head": 1}, "network.head: must be one of multi, single, not 1"),
    ({"network.head_bias": True}, "network.head_bias: must be false with a single head: a bias shared by all tasks causes "
                                  "forgetting; remove it, or set network.head to multi"),
    ({"network.head_bias": "yes"}, 'network.head_bias: must be true or false, not "yes"; true or false; null means true for a '
                                   "multi-head and false for a single-head network"),
    ({"training.momentum": 0.5}, "training.momentum: cannot be used with the optimizer adam; remove it, or set "
                                 "training.optimizer to sgd"),
    ({"training.optimizer": "sgd", "training.momentum": 1}, "training.momentum: must be below 1, not 1; "),
    ({"training.milestones": [2, 2]}, "training.milestones: must rise from entry to entry, not [2, 2]; "),
    ({"training.milestones": [2, 5]}, "training.milestones: 5 has no effect: training ends with epoch 5; drop it, "
                                      "or raise training.epochs"),
    ({"fine_tuning": {"distillation": {}}},
     "teachers: is missing, and fine_tuning.distillation learns from teachers; set teachers to {} for two of the default ones, "
     "or remove fine_tuning.distillation"),
    ({"teachers": {}}, "teachers: cannot be used without fine_tuning.distillation, and nothing would learn from them; "
                       "remove it, or set fine_tuning.distillation to {}"),
    ({"teachers": {}, "fine_tuning": {}}, "teachers: cannot be used without fine_tuning.distillation, and nothing would "),
    ({"teachers": {}, "method": "scratch"}, "teachers: cannot be used with method scratch, which fine-tunes nothing; remove "),
    ({"teachers": {"hidden": [5]}, "fine_tuning": {"distillation": {}}, "network": {"name": "digits-small"},
      "benchmark": {"name": "split-digits", "tasks": 2}},
     "teachers: hidden cannot be used without network.hidden; give teachers.width_factor"),
    ({"teachers": {"hidden": [5], "width_factor": 2}},
     "teachers.width_factor: cannot be used together with teachers.hidden; keep one of the two"),
    ({"teachers": {"learning_rate": [0.1, 0.1]}}, "teachers.learning_rate: [1] repeats [0]; keep every combination once"),
    ({"teachers": {"learning_rate": []}}, "teachers.learning_rate: must not be empty"),
    ({"teachers": {"count": 0}}, "teachers.count: must be at least 1, not 0; "),
    ({"teachers": {"dropout": 1}}, "teachers.dropout: must be below 1, not 1; "),
    ({"teachers": {"required": "yes"}}, "teachers.required: must be "),
    ({"fine_tuning": {"distillation": {"mixing": 0, "copies": 5}}},
     "fine_tuning.distillation.copies: cannot be used with mixing 0, which mixes nothing; remove it, or set mixing above 0"),
    ({"fine_tuning": {"rounds": 2, "search": {}}},
     "fine_tuning.search: cannot be used with more than one round, because its cuts take the place of rounds; remove "
     "fine_tuning.rounds, or fine_tuning.search"),
    ({"fine_tuning": {"search": {"reference": "teachers"}}},
     "fine_tuning.search: reference teachers cannot be used without fine_tuning.distillation, which has the teachers; add it, "
     "or set reference to trials"),
    ({"fine_tuning": {"search": {"step": 2.5}}},
     "fine_tuning.search.step: must be a whole number from 1 on, not 2.5; use 2 neurons, or a share below 1 of those that are "
     "left"),
    ({"fine_tuning": {"search": {"step": 0}}}, "fine_tuning.search.step: must be above 0, not 0; "),
    ({"fine_tuning": {"search": {"score": "tailor"}}},
     'fine_tuning.search.score: must be one of activity, outgoing, taylor, not "tailor"; did you mean taylor?'),
    ({"fine_tuning": {"distillation": {"mixing": 1.5}}}, "fine_tuning.distillation.mixing: must be at most 1, not 1.5; "),
    ({"fine_tuning": {"distillation": {"cross_entropy": 1}}},
     "fine_tuning.distillation.cross_entropy: must be below 1, not 1; "),
    ({"fine_tuning": {"distillation": {"temperature": 0}}}, "fine_tuning.distillation.temperature: must be above 0, not 0; "),
    ({"training.gamma": 0}, "training.gamma: must be above 0, not 0; "),
    ({"training.gamma": 1.01}, "training.gamma: must be at most 1, not 1.01; "),
    ({"training.schedule": "cosine", "training.milestones": [2]}, "training.milestones: has no meaning with training.schedule "
                                                                  "cosine; remove it, or set training.schedule to milestones"),
    ({"training.schedule": "constant", "training.gamma": 0.5}, "training.gamma: has no meaning with training.schedule "
                                                               "constant; remove it, or set training.schedule to milestones"),
    ({"training.schedule": "cosin"}, "training.schedule: must be one of milestones, cosine, constant, not \"cosin\"; did you "
                                     "mean cosine?"),
    ({"training.free_window": 0}, "training.free_window: must be at least 1, not 0; free neurons that a task trains on at "),
    ({"training.free_window": [4, 0]}, "training.free_window[1]: must be at least 1, not 0; "),
    ({"training.free_window": [4]}, "training.free_window: has 1 value for 2 hidden layers; give one value for each hidden "
                                    "layer, or one number for all"),
    ({"training.free_window": []}, "training.free_window: must not be empty, not []; "),
    ({"training.free_window": "all"}, 'training.free_window: must be a whole number, not "all"; '),
    ({"method": "scratch", "training.free_window": 5}, "training: free_window has no meaning with method scratch, which trains "
                                                       "all neurons on every task; remove it"),
    ({"fine_tuning": {"schedule": "milestones"}}, "fine_tuning.schedule: must be one of constant, cosine, not \"milestones\""),
    ({"training.weight_decay": "1e-5"}, 'training.weight_decay: must be a number, not the text "1e-5"; remove the quotes, or '
                                        "any zeros before it; L2 decay per step, a number of at least 0"),
    ({"training.early_stopping_patience": 0}, "training.early_stopping_patience: must be at least 1, not 0; "),
    ({"sweep.alpha": 1e-5}, "sweep.alpha: must be a list, not 1e-5; "),
    ({"sweep.alpha": {"low": 0.1, "high": 1}}, "sweep.alpha: must be a list with the sampler grid; list the values, for "
                                               "example [0.1, 1.0]"),
    ({"sweep.alpha": [-1e-9]}, "sweep.alpha[0]: must be at least 0, not -1e-9; "),
    ({"sweep.alpha": [float("inf")]}, "sweep.alpha[0]: must be a finite number, not .inf; "),
    ({"sweep.alpha": [[1, 2, float("nan")]]}, "sweep.alpha[0][2]: must be a finite number, not .nan; "),
    ({"sweep.alpha": [1, [1, 2]]}, "sweep.alpha[1]: has 2 values for 3 layers; give one value for each of the 2 hidden layers "
                                   "and one for the output, or one number for all"),
    ({"sweep.alpha": [2, 1, [1, 1, 1], 1]}, "sweep.alpha: [2] repeats [1], [3] repeats [1]; keep every combination once; "
                                            "positions count from 0"),
    ({"sweep.alpha": [0, -0.0]}, "sweep.alpha: [1] repeats [0]; "),
    ({"sweep.learning_rate": [0.1, 0.1]}, "sweep.learning_rate: [1] repeats [0]; "),
    ({"sweep.learning_rate": [0]}, "sweep.learning_rate[0]: must be above 0, not 0; "),
    ({"sweep.samples": 3}, "sweep.samples: cannot be used with the sampler grid, which tries every combination; remove it, or "
                           "set sweep.sampler to tpe or nsga2"),
    ({"sweep": SAMPLER | {"samples": None}}, "sweep.samples: is missing, and the sampler tpe needs it; trials that tpe or "
                                             "nsga2 draws for a task, a whole number of at least 1"),
    ({"sweep": SAMPLER | {"alpha": [1]}}, "sweep.alpha: must be a range with the sampler tpe; for example {low: 1e-6, "
                                          "high: 1e-3}"),
    ({"sweep": SAMPLER | {"alpha": {"low": 0, "high": 1}}}, "sweep.alpha.low: must be above 0, not 0; the lower end"),
    ({"sweep": SAMPLER | {"alpha": {"low": 1, "high": 1}}}, "sweep.alpha.high: must be above low, not 1; the upper end"),
    ({"sweep": SAMPLER | {"alpha": {"low": 1, "hihg": 2, "high": 3}}}, "sweep.alpha.hihg: unknown key; did you mean "
                                                                      "sweep.alpha.high?"),
    ({"sweep.later_tasks": {"alpha": 1, "learning_rate": 1}},
     "sweep.later_tasks: cannot be used with the protocol per-task, which sweeps every task; remove it, or set "
     "sweep.protocol to first-task or first-k"),
    ({"sweep.protocol": "first-k"}, "sweep.first_tasks: is missing, and the protocol first-k needs it; number of tasks swept "
                                    "with protocol first-k, a whole number of at least 1"),
    ({"sweep.first_tasks": 2}, "sweep.first_tasks: cannot be used with the protocol per-task; remove it, or set sweep.protocol "
                               "to first-k"),
    ({"sweep.protocol": "first-task", "sweep.later_tasks": {"alpha": [1], "learning_rate": 1}},
     "sweep.later_tasks.alpha: has 1 value for 3 layers; give one value for each of the 2 hidden layers"),
    ({"selection.margin_points": -0.1}, "selection.margin_points: must be between 0 and 100, not -0.1; percentage points of "
                                        "validation accuracy that pruning may cost, 0 to 100"),
    ({"selection.margin_points": "100.00000000000000001"}, "selection.margin_points: must be between 0 and 100, not 100.0"),
    ({"selection.margin_points": float("nan")}, "selection.margin_points: must be between 0 and 100, not nan; "),
    ({"selection.margin_points": "1%"}, "selection.margin_points: must be a decimal number with at most 20 digits after the "
                                        'point, not "1%"; '),
    ({"selection.margin_points": 1e-30}, "selection.margin_points: must be a decimal number with at most 20 digits after"),
    ({"selection.margin_points": False}, "selection.margin_points: must be a number, not false; "),
    ({"selection.rule": "tradeoff"}, 'selection.rule: must be one of sparsest, trade-off, not "tradeoff"; did you mean '
                                     "trade-off?"),
    ({"selection.capacity_weight_points": 0}, "selection.capacity_weight_points: cannot be used with the rule sparsest, which "
                                              "has no weight; remove it, or set selection.rule to trade-off"),
    ({"selection.rule": "trade-off", "selection.capacity_weight_points": -1},
     "selection.capacity_weight_points: must be between 0 and 1000000000, not -1; cost of using a fair share of the free "
     "neurons, in percentage points, with the rule trade-off; null uses margin_points"),
    ({"selection.rule": "trade-off", "selection.capacity_weight_points": "1e3"},
     'selection.capacity_weight_points: must be a decimal number with at most 20 digits after the point, not "1e3"; '),
    ({"selection.curve_points": 1}, "selection.curve_points: must be at least 2, not 1; "),
    ({"capacity.on_depletion": "widen"}, "capacity.widen_by: is missing, and capacity.on_depletion widen needs it; neurons "
                                         "added to each depleted layer, a whole number of at least 1"),
    ({"capacity.widen_by": 5}, "capacity.widen_by: cannot be used with capacity.on_depletion stop; remove it, or set "
                               "on_depletion to widen"),
    ({"capacity.widen_below": 0.1}, "capacity.widen_below: cannot be used with capacity.on_depletion stop; remove it, or set "
                                    "on_depletion to widen"),
    ({"resources.cpus_per_trial": 0}, "resources.cpus_per_trial: must be above 0, not 0; "),
    ({"resources.cpus_per_trial": 1.23456}, "resources.cpus_per_trial: must have at most 4 decimals, not 1.23456; use 1.2346"),
    ({"resources.gpus_per_trial": 2.5}, "resources.gpus_per_trial: must be a whole number above 1, not 2.5; use 2 or 3; below "
                                        "1, any share is allowed"),
    ({"resources.gpus_per_trial": 1e-6}, "resources.gpus_per_trial: must have at most 4 decimals, not 1e-6; use 0.0001"),
    ({"resources.retries": -1}, "resources.retries: must be at least 0, not -1; "),
    ({"resources.trial_time_limit_seconds": 0}, "resources.trial_time_limit_seconds: must be above 0, not 0; seconds after "
                                                "which"),
])
def test_one_problem_one_line(values: dict[str, Any], changes: dict[str, Any], line: str) -> None:
    found = problems(values, changes)
    assert len(found) == 1
    assert found[0].startswith(line)


def test_all_problems_come_at_once_also_within_one_section(values: dict[str, Any]) -> None:
    found = problems(values, {
        "name": None, "network.head": "solo", "network.head_bias": True, "training.optimizer": "sgt",
        "training.milestones": [9], "sweep.alpha": [[1, 2]], "sweep.learning_rate": ["x"], "sweep.samples": 3,
        "selection.margin_points": 101, "capacity.widen_by": 3, "resources.threads_per_trial": 0})
    assert [line.partition(":")[0] for line in found] == [
        "name", "network.head", "training.optimizer", "training.milestones", "sweep.alpha[0]", "sweep.learning_rate[0]",
        "sweep.samples", "selection.margin_points", "capacity.widen_by", "resources.threads_per_trial"]


def test_a_top_level_key_that_is_no_text(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.parse(values | {None: 3})
    assert tells(caught.value)


def test_a_default_that_cannot_be_derived_adds_no_line_of_its_own(values: dict[str, Any]) -> None:
    assert [line.partition(":")[0] for line in problems(values, {"network.head": 3, "training.optimizer": 3,
                                                                 "resources.cpus_per_trial": -3})] == [
        "network.head", "training.optimizer", "resources.cpus_per_trial"]


@pytest.mark.parametrize(("changes", "path", "derived"), [
    ({"network.head": "multi"}, "network.head_bias", True),
    ({"network.head": "multi", "network.head_bias": None}, "network.head_bias", True),
    ({"network.head": "multi", "network.head_bias": False}, "network.head_bias", False),
    ({}, "network.head_bias", False),
    ({"training.optimizer": "sgd"}, "training.momentum", 0.9),
    ({"training.optimizer": "sgd", "training.momentum": 0}, "training.momentum", 0.0),
    ({"training.optimizer": "adamw"}, "training.momentum", 0.0),
    ({"resources.cpus_per_trial": 0.5}, "resources.threads_per_trial", 1),
    ({"resources.cpus_per_trial": 4}, "resources.threads_per_trial", 4),
    ({"resources.cpus_per_trial": 2.5}, "resources.threads_per_trial", 2),
    ({"resources.cpus_per_trial": 4, "resources.threads_per_trial": 2}, "resources.threads_per_trial", 2),
])
def test_defaults_that_follow_from_another_key(values: dict[str, Any], changes: dict[str, Any], path: str,
                                               derived: object) -> None:
    assert problems(values, changes) == []
    section, name = path.split(".")
    assert Config.parse(values).resolved()[section][name] == derived


@pytest.mark.parametrize(("given", "recorded"), [
    (1, "1"), (1.0, "1"), ("1.00", "1"), (0, "0"), (100, "100"), (0.05, "0.05"), (1e-5, "0.00001"), (0.29, "0.29"),
    ("0.29", "0.29"), (10, "10"), ("007.50", "7.5")])
def test_a_margin_is_exact_and_has_one_spelling(values: dict[str, Any], given: object, recorded: str) -> None:
    values["selection"]["margin_points"] = given
    assert Config.parse(values).resolved()["selection"]["margin_points"] == recorded


@pytest.mark.parametrize(("rule", "weight", "recorded", "effective"), [
    ("sparsest", None, None, None), ("trade-off", None, None, Decimal(1)), ("trade-off", 0, "0", Decimal(0)),
    ("trade-off", "2.50", "2.5", Decimal("2.5")), ("trade-off", 10**9, "1000000000", Decimal(10**9))])
def test_a_weight_follows_the_margin_unless_it_is_given(values: dict[str, Any], rule: str, weight: object,
                                                        recorded: str | None, effective: Decimal | None) -> None:
    values["selection"] |= {"margin_points": 1, "rule": rule, "capacity_weight_points": weight}
    config = Config.parse(values)
    assert config.resolved()["selection"]["capacity_weight_points"] == recorded
    assert config.selection.weight_points == effective
    assert Config.from_resolved(config.resolved()) == config


@pytest.mark.parametrize(("value", "text"), [
    (None, "nothing"), ({"a": 1}, "a section of keys"), (2.0, "2.0"), (2, "2"), (1e-5, "1e-5"), (1e20, "1e20"),
    (-1.5e-300, "-1.5e-300"), ([2.0, 1e-5, "a"], '[2.0, 1e-5, "a"]'), (True, "true"), ("x" * 99, '"' + "x" * 56 + "..."),
    ([{(1, 2): 3}], "something that cannot be shown"), (float("inf"), ".inf"),
    (float("-inf"), "-.inf"), (float("nan"), ".nan"), ("\ud800\n", '"\\ud800\\n"')])
def test_values_are_shown_as_a_config_writes_them(value: object, text: str) -> None:
    assert show(value) == text
