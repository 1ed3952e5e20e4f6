"""The configuration of a run: read once, validated as a whole, recorded with all defaults filled in.

    config = load("experiments/permuted-digits.yaml", ["selection.margin_points=2"], name="quick")
    config.grid()        # the trials of a swept task, in the order of their numbers
    config.resolved()    # JSON-able, for the database; Config.from_resolved() is its inverse

An invalid configuration raises one ConfigError that lists all problems, each with its path and how to fix it.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from clnp_core.errors import ConfigError
from orchestrator.config.benchmark_section import BenchmarkSection
from orchestrator.config.choices import HeadChoice
from orchestrator.config.distillation_sections import Teachers
from orchestrator.config.errors import explain, show
from orchestrator.config.network_section import UNREADABLE, WRITTEN_OUT, NetworkSection, alpha_count
from orchestrator.config.numbers import RECORDED
from orchestrator.config.sections import (
    SEED_GIVEN,
    Baseline,
    CapacitySection,
    EvaluationSection,
    FineTuning,
    Resources,
    Seed,
    Seeds,
    Storage,
    Training,
    check_seeds,
    run_ending,
)
from orchestrator.config.selection_section import SelectionSection
from orchestrator.config.sweep_section import GridPoint, LogRange, Section, Sweep, per_layer
from orchestrator.config.user_code import Reading, with_own_network
from orchestrator.config.yaml_loader import assignment_path, override, read_mapping
from orchestrator.runs.run_names import is_run_name
from workers.methods import Method
from workers.spec import BUILT_IN_BENCHMARKS


class Config(Section):
    """Everything that determines a run. Immutable, complete and valid: build it with load, parse or from_resolved."""

    name: Annotated[str, Field(strict=True)] = Field(
        description="letters, digits, dots, dashes and underscores, at most 100, the first a letter or a digit")
    seed: Seed = Field(default=0, description="the root of every random choice, a whole number of at least 0")
    seeds: Seeds | None = Field(
        default=None, description="instead of seed: a group with one run per seed; distinct whole numbers of at least 0")
    method: Method = Field(default=Method.CLNP, description="how the tasks are learnt: clnp, or a baseline")
    benchmark: BenchmarkSection = Field(description="the sequence of tasks")
    network: NetworkSection = Field(description="the network that all tasks share")
    training: Training = Field(description="how one trial trains")
    sweep: Sweep = Field(description="the trials of a task")
    selection: SelectionSection = Field(description="how much accuracy pruning may cost")
    fine_tuning: FineTuning | None = Field(
        default=None, description="training after pruning; null, the default, commits the pruned network as it is")
    teachers: Teachers | None = Field(
        default=None, validate_default=True,
        description="networks that teach the fine-tuning; null, the default, trains none")
    capacity: CapacitySection = Field(
        default_factory=CapacitySection, description="what happens when the network is full; leave it out for its defaults")
    evaluation: EvaluationSection = Field(
        default_factory=EvaluationSection, description="the canonical evaluation; leave it out for its defaults")
    resources: Resources = Field(
        default_factory=Resources, description="what a trial may use; leave it out for its defaults")
    storage: Storage = Field(
        default_factory=Storage, description="which trained networks stay on disk; leave it out for its defaults")
    baseline: Baseline = Field(
        default_factory=Baseline, validate_default=True,
        description="settings of the baselines; leave it out for its defaults")

    @field_validator("name")
    @classmethod
    def _names_a_run(cls, name: str) -> str:
        if not is_run_name(name):
            raise ValueError(f"{show(name)} cannot name a run")
        return name

    @field_validator("seeds")
    @classmethod
    def _make_a_group(cls, seeds: tuple[int, ...] | None, info: ValidationInfo) -> tuple[int, ...] | None:
        if seeds is not None:
            check_seeds(seeds, info)
        return seeds

    @field_validator("network")
    @classmethod
    def _reads_the_samples(cls, network: NetworkSection, info: ValidationInfo) -> NetworkSection:
        """Refuse a network that cannot read the samples, if their shape is known before the data is loaded."""
        benchmark = info.data.get("benchmark")
        if benchmark is None or not benchmark.is_built_in:
            return network
        known = BUILT_IN_BENCHMARKS[benchmark.name]
        try:
            network.architecture(known.input_shape, known.classes)
        except ConfigError as error:
            raise ValueError(f"cannot read the samples of {benchmark.name}, whose shape is {list(known.input_shape)}: "
                             f"{error.message}\n{error.hint}") from None
        return network

    @field_validator("training")
    @classmethod
    def _own_data_comes_ready(cls, training: Training, info: ValidationInfo) -> Training:
        benchmark = info.data.get("benchmark")
        if benchmark is not None and not benchmark.is_built_in and training.normalize.transforms:
            raise ValueError(f"normalize {training.normalize} cannot be used with a benchmark of your own, which "
                             "delivers inputs ready for training\nremove it, and normalize in your callable")
        return training

    @field_validator("training")
    @classmethod
    def _has_free_neurons(cls, training: Training, info: ValidationInfo) -> Training:
        method = info.data.get("method", Method.CLNP)
        if training.free_window is not None and not method.divides_the_network:
            raise ValueError(f"free_window has no meaning with method {method}, which trains all neurons on every task\n"
                             "remove it")
        return training

    @field_validator("resources")
    @classmethod
    def _only_a_grid_is_packed(cls, resources: Resources, info: ValidationInfo) -> Resources:
        sweep = info.data.get("sweep")
        if sweep is not None and not sweep.sampler.is_grid and resources.trials_per_pack > 1:
            raise ValueError(f"trials_per_pack cannot be used with the sampler {sweep.sampler}, which draws one trial at a "
                             "time\nremove it, or set sweep.sampler to grid")
        return resources

    @field_validator("sweep", "selection", "fine_tuning", "capacity", "resources")
    @classmethod
    def _fits_the_method(cls, section: Section | None, info: ValidationInfo) -> Section | None:
        method = info.data.get("method", Method.CLNP)
        if method.divides_the_network:
            return section
        if isinstance(section, Sweep) and not section.sampler.is_grid:
            raise ValueError(f"the sampler {section.sampler} cannot be used with method {method}, which sweeps a list of "
                             "learning rates\nset sweep.sampler to grid")
        if isinstance(section, SelectionSection) and not section.score.is_activity:
            raise ValueError(f"score cannot be used with method {method}, which prunes nothing\nremove it")
        if isinstance(section, FineTuning):
            raise ValueError(f"cannot be used with method {method}, which prunes nothing\nremove it, or set it to null")
        if isinstance(section, CapacitySection) and section.on_depletion.widens:
            raise ValueError(f"on_depletion widen cannot be used with method {method}, whose network is never full\nremove it")
        if isinstance(section, Resources) and section.trials_per_pack > 1:
            raise ValueError(f"trials_per_pack cannot be used with method {method}, whose trials train alone\nremove it")
        return section

    @field_validator("teachers")
    @classmethod
    def _teach_the_fine_tuning(cls, teachers: Teachers | None, info: ValidationInfo) -> Teachers | None:
        tuning = info.data.get("fine_tuning")
        distils = tuning is not None and tuning.distillation is not None
        if teachers is not None:
            is_wrong = "fine_tuning" not in info.data  # which has a line of its own
            teachers.check_beside(info.data.get("method"), info.data.get("network"), distils or is_wrong)
        elif distils:
            raise ValueError("is missing, and fine_tuning.distillation learns from teachers\n"
                             "set teachers to {} for two of the default ones, or remove fine_tuning.distillation")
        return teachers

    @field_validator("baseline")
    @classmethod
    def _is_of_the_method(cls, baseline: Baseline, info: ValidationInfo) -> Baseline:
        method, benchmark = info.data.get("method", Method.CLNP), info.data.get("benchmark")
        if method.is_held and baseline.strength is None:
            raise ValueError(f"strength is missing, and method {method} needs it\n"
                             "give baseline.strength, for example 100")
        if not method.is_held and baseline.strength is not None:
            raise ValueError(f"strength cannot be used with method {method}, which has no penalty\nremove it")
        if method is not Method.JOINT and baseline.batch is not None:
            raise ValueError(f"batch cannot be used with method {method}, whose batches are of one task\nremove it")
        if baseline.batch is not None and benchmark is not None and len(baseline.batch) != benchmark.tasks:
            raise ValueError(f"batch has {len(baseline.batch)} numbers for {benchmark.tasks} tasks\ngive one for each task")
        training = info.data.get("training")
        if (method is Method.JOINT and baseline.batch is None and benchmark is not None and training is not None
                and training.batch_size < benchmark.tasks):
            raise ValueError(f"has no batch, and {training.batch_size} samples are too few for one of each of "
                             f"{benchmark.tasks} tasks\nraise training.batch_size, or give baseline.batch")
        return baseline

    @field_validator("network")
    @classmethod
    def _can_be_cut(cls, network: NetworkSection, info: ValidationInfo) -> NetworkSection:
        """Joint training cuts the last hidden layer of a network with a single head into parts."""
        benchmark, method = info.data.get("benchmark"), info.data.get("method", Method.CLNP)
        single = network.head is HeadChoice.SINGLE
        if method is not Method.JOINT or benchmark is None or not benchmark.is_built_in or not single:
            return network
        known = BUILT_IN_BENCHMARKS[benchmark.name]
        width = network.architecture(known.input_shape, known.classes).hidden[-1]
        if width < benchmark.tasks:
            raise ValueError(f"has {width} neurons in its last hidden layer, which method joint cuts into {benchmark.tasks} "
                             "parts\nwiden it, or set network.head to multi")
        return network

    @classmethod
    def parse(cls, values: Mapping[Any, Any], source: str = "the config",
              overridden: Collection[tuple[str, ...]] = (), recorded: bool = False) -> Self:
        """Return the configuration that a mapping describes. A custom network is imported and written out as its layers.
        Top-level keys that start with ``x-`` are ignored: they are for YAML anchors.

        Args:
            values: sections of keys, as read from YAML or JSON. A section that is null takes its default.
            source: name for error messages, such as a file name.
            overridden: paths that came from the command line, for error messages.
            recorded: whether it is the record of a run, in which a custom network is already written out.

        Raises:
            ConfigError: invalid; one line per problem.
        """
        given = {path[0] for path in overridden}
        values = {key: value for key, value in values.items()
                  if not (_holds_anchors(key) and key not in given) and not (value is None and _may_be_left_out(cls, key))}
        reading = Reading(dict(values), is_written_out=True) if recorded else with_own_network(values)
        context = {"layers": alpha_count(reading.values.get("network")), WRITTEN_OUT: reading.is_written_out,
                   UNREADABLE: reading.error, SEED_GIVEN: "seed" in reading.values, RECORDED: recorded}
        try:
            return cls.model_validate(reading.values, context=context)
        except ValidationError as error:
            failure = explain(error, cls, source, overridden)
            for note in getattr(reading.error, "__notes__", ()):  # where in a custom network it failed
                failure.add_note(note)
            raise failure from None

    @classmethod
    def from_resolved(cls, recorded: Mapping[str, Any]) -> Self:
        """Return the configuration that :meth:`resolved` recorded. Nothing is imported. A record without
        ``storage.keep_trials``, from a version before it existed, keeps all trials.

        Raises:
            ConfigError: it was recorded by a version with other keys, or was changed since.
        """
        return cls.parse({"storage": {"keep_trials": "all"}, **recorded}, "the recorded config", recorded=True)

    def resolved(self) -> dict[str, Any]:
        """Return the keys and values as plain JSON: every key of version 0.1 with defaults filled in, later keys only where
        they differ from their defaults (see ``recorded_keys``), and either ``seed`` or ``seeds``.

        ``method`` and ``baseline`` are left out for CLNP, so that configs from before baselines existed keep their digests.
        """
        without = {"seeds" if self.seeds is None else "seed"}
        without |= {"method", "baseline"} if self.method.divides_the_network else set()
        return self.model_dump(mode="json", exclude=without)

    def digest(self) -> str:
        """Return the SHA-256 (hexadecimal) of the resolved configuration in canonical JSON."""
        text = json.dumps(self.resolved(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode("ascii")).hexdigest()

    def of_each_seed(self, group: str) -> "tuple[Config, ...]":
        """Return the configurations of a group's runs, one per seed, each with its own name and ``seed``."""
        return tuple(self.model_copy(update={"name": f"{group}{run_ending(seed)}", "seed": seed, "seeds": None})
                     for seed in self.seeds or ())

    def grid(self) -> tuple[GridPoint, ...]:
        """Return the points of a swept task; a trial's number is its index. α varies slowest, the learning rate fastest.
        Methods that do not prune have no L1 penalty: only learning rates are tried, with α = 0.

        Raises:
            ConfigError: the points are drawn by a sampler, so there is no grid.
        """
        alphas, rates = self.sweep.alpha, self.sweep.learning_rate
        if isinstance(alphas, LogRange) or isinstance(rates, LogRange):
            raise ConfigError(f"the sampler {self.sweep.sampler} draws its points, so there is no grid to list",
                              "set sweep.sampler to grid, with lists for sweep.alpha and sweep.learning_rate")
        if not self.method.divides_the_network:
            return tuple(GridPoint(per_layer(0.0, self.network.alpha_count), rate) for rate in rates)
        return tuple(GridPoint(per_layer(alpha, self.network.alpha_count), rate) for alpha in alphas for rate in rates)

    def later_point(self) -> GridPoint | None:
        """Return the fixed point of tasks that are not swept; None if there are none, or if they reuse the selected point."""
        later = self.sweep.later_tasks
        if later is None:
            return None
        alpha = later.alpha if self.method.divides_the_network else 0.0
        return GridPoint(per_layer(alpha, self.network.alpha_count), later.learning_rate)


def _may_be_left_out(model: type[Config], key: object) -> bool:
    field = model.model_fields.get(key) if isinstance(key, str) else None
    return field is not None and not field.is_required()


def _holds_anchors(key: object) -> bool:
    return isinstance(key, str) and key.startswith("x-")


def load(path: str | Path, overrides: Sequence[str] = (), name: str | None = None) -> Config:
    """Return the configuration in a YAML file.

    Args:
        path: the file.
        overrides: ``a.b=value`` assignments, the value in YAML; later ones win.
        name: name of the run, instead of the one in the file.

    Raises:
        ConfigError: unreadable, not YAML, or invalid; then one line per problem.
    """
    values = override(read_mapping(Path(path)), overrides)
    if name is not None:
        values["name"] = name
    return Config.parse(values, str(path), [assignment_path(item) for item in overrides])
