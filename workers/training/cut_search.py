"""The search for the sparsest network that is within the margin after fine-tuning (docs/distillation.md defines it).

The network that was pruned at θ* is fine-tuned, cut a little, fine-tuned again, cut again, and so on, until several candidates
in a row have missed the margin. All of this happens in the network of the neurons that the task's rows read, and what the
frozen ones among them say is computed once; so a cut costs what the task's own neurons cost.
"""

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import torch
from torch import Tensor

from clnp_core.architecture import Architecture
from clnp_core.compact import cut_out, read_in_fine_tuning
from clnp_core.evaluation import correct_predictions
from clnp_core.frozen_activations import frozen_activations
from clnp_core.network import FREE, Network
from clnp_core.partition import FreeNetwork
from clnp_core.pruning import keep
from clnp_core.selection import required_correct
from clnp_core.values import CutCandidate, CutSearch, SearchEnd
from workers.data.samples import TaskData
from workers.spec import FineTuningSpec, SearchSpec, StageSpec, derive_seed
from workers.storage.checkpoints import Snapshot
from workers.training.cut_scores import least_important, own_scores
from workers.training.loop import DivergedError, fine_tune, result_of
from workers.training.losses import Loss
from workers.training.resume import Checkpoint
from workers.training.state import EpochUnderway, Trained, below

TEACHERS, TRIALS = "teachers", "trials"

MAIN, EXTRA, FINAL = "", "extra", "final"
PARTS = (MAIN, EXTRA)
"""The trainings of a candidate, of which the second follows a miss; and that of the chosen one in the end."""

CheckpointOf = Callable[[str], Checkpoint]
"""The checkpoint of a part of the search, by its name."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What the margin is counted from: its kind, and correct validation samples."""

    kind: str
    val_correct: int


@dataclass(slots=True)
class SearchStanding:
    """Where a search stands between two candidates; a checkpoint holds all of it.

    Attributes:
        network: the last candidate as it was trained, cut out; None before the first.
        alive: per hidden layer bool [width of the whole network], the neurons of the task in that candidate.
        candidates: so far.
        rows: by cut what may be committed: ``alive`` and the trained rows of the task.
        end: why there are no more candidates; None while there are.
        began: ``time.perf_counter()`` of the beginning, moved back by what interrupted attempts took.
    """

    network: Network | None
    alive: tuple[Tensor, ...]
    candidates: list[CutCandidate] = field(default_factory=list)
    rows: dict[int, tuple[tuple[Tensor, ...], dict[str, Tensor]]] = field(default_factory=dict)
    end: SearchEnd | None = None
    began: float = field(default_factory=time.perf_counter)
    epoch: EpochUnderway | None = None

    @property
    def epochs_run(self) -> int:
        """Of all candidates so far."""
        return sum(candidate.epochs_run for candidate in self.candidates)

    def capture(self) -> Snapshot:
        """All of it. The tensors are not copies."""
        assert self.network is not None, "a candidate has been trained"
        tensors = {f"network.{name}": values for name, values in self.network.to_tensors().items()}
        tensors |= {f"alive.{layer}": values for layer, values in enumerate(self.alive)}
        for cut, (alive, rows) in self.rows.items():
            tensors |= {f"rows.{cut}.alive.{layer}": values for layer, values in enumerate(alive)}
            tensors |= {f"rows.{cut}.state.{name}": values for name, values in rows.items()}
        return Snapshot(tensors, {"architecture": self.network.architecture.to_json(),
                                  "candidates": [dataclasses.asdict(candidate) for candidate in self.candidates],
                                  "cuts": list(self.rows), "end": None if self.end is None else self.end.value,
                                  "seconds": time.perf_counter() - self.began})

    def restore(self, snapshot: Snapshot) -> None:
        """Become what :meth:`capture` saw."""
        facts, device, depth = snapshot.facts, self.alive[0].device, len(self.alive)
        tensors = {name: values.to(device) for name, values in snapshot.tensors.items()}
        self.network = Network.from_tensors(Architecture.from_json(facts["architecture"]), below("network.", tensors))
        self.alive = _layers(below("alive.", tensors), depth)
        self.candidates = [CutCandidate(**values) for values in facts["candidates"]]
        self.rows = {cut: (_layers(below(f"rows.{cut}.alive.", tensors), depth), below(f"rows.{cut}.state.", tensors))
                     for cut in facts["cuts"]}
        self.end = None if facts["end"] is None else SearchEnd(facts["end"])
        self.began = time.perf_counter() - facts["seconds"]


def _layers(tensors: dict[str, Tensor], depth: int) -> tuple[Tensor, ...]:
    return tuple(tensors[str(layer)] for layer in range(depth))


class Search:
    """The search in one stage.

    Raises, wherever it trains, :class:`workers.training.resume.StoppedError`, and :class:`DivergedError` where the first
    candidate diverges.
    """

    def __init__(self, pruned: Network, data: TaskData, stage: StageSpec, tuning: FineTuningSpec, spec: SearchSpec, loss: Loss,
                 reference: Reference, checkpoint_of: CheckpointOf) -> None:
        """Nothing is trained yet.

        Args:
            pruned: at θ*, on the device of ``data``; its output reads some neuron.
            data: the task.
            stage: of the task.
            tuning: how the candidates are trained; its epochs are those of the first.
            spec: of the search.
            loss: of the fine-tuning.
            reference: what the margin is counted from.
            checkpoint_of: makes the checkpoint of a part.
        """
        self._pruned, self._data, self._stage, self._tuning, self._spec = pruned, data, stage, tuning, spec
        self._loss, self._reference, self._checkpoint_of = loss, reference, checkpoint_of
        self._task, self._parts = stage.task, list[Checkpoint]()
        self._required = required_correct(reference.val_correct, len(data.val), Decimal(spec.margin_points))
        self._whole = cut_out(pruned, self._task, read_in_fine_tuning(pruned, self._task))
        self._frozen = frozen_activations(self._whole, loss.inputs, reopen=self._task)

    def run(self) -> tuple[Network, CutSearch]:
        """Find the network to commit: the whole one, with the rows of the chosen candidate; and what the search has seen."""
        own = tuple(owner == self._task for owner in self._pruned.activated_by)
        standing, checkpoint = SearchStanding(None, own), self._checkpoint_of("search")
        checkpoint.restore(standing)
        for part in PARTS if standing.candidates else ():  # whose process may have died before it removed them
            self._checkpoint_of(_name(len(standing.candidates) - 1, part)).remove(unseen=True)
        while standing.end is None:
            standing.end = self._next(standing)
            checkpoint.end(standing)
            while self._parts:  # the search's own checkpoint holds what they led to
                self._parts.pop().remove()
        chosen, network = self._choose(standing)
        within, final = chosen.val_correct >= self._required, None
        if self._spec.final_epochs:
            network, final = self._finish(network, chosen)
        return network, CutSearch(self._reference.kind, self._reference.val_correct, self._required, len(self._data.val),
                                  tuple(standing.candidates), standing.end, self._spec.patience, chosen.cut, within, final,
                                  time.perf_counter() - standing.began)

    def _next(self, standing: SearchStanding) -> SearchEnd | None:
        """Cut and train one candidate more; or why there is none."""
        began, cut = time.perf_counter(), len(standing.candidates)
        if standing.network is None:
            network, alive = self._whole, standing.alive
        else:
            misses = next((place for place, candidate in enumerate(reversed(standing.candidates))
                           if candidate.val_correct >= self._required), cut)
            if misses > self._spec.patience:
                return SearchEnd.PATIENCE
            found = self._cut(standing.network, standing.alive)
            if found is None:
                return SearchEnd.NOTHING_LEFT
            network, alive = found
        try:
            before, trained, seconds_before = self._train(network, cut)
        except DivergedError:
            if not cut:
                raise
            return SearchEnd.DIVERGED
        candidate = CutCandidate(cut, _count(alive), before, trained.val_correct, trained.best_epoch, trained.epochs_run,
                                 time.perf_counter() - began + seconds_before)
        standing.network, standing.alive = trained.network, alive
        standing.candidates.append(candidate)
        if not cut or candidate.val_correct >= self._required:
            standing.rows[cut] = tuple(map(Tensor.clone, alive)), self._free(trained.network).state_dict()
        return None

    def _train(self, network: Network, cut: int) -> tuple[int, Trained, float]:
        """Train a candidate, and train it further if it misses: correct samples before, the best, seconds of interrupted
        attempts."""
        spec, batch, val = self._spec, self._stage.evaluation_batch_size, self._data.val
        before = correct_predictions(network, val.inputs, val.labels, self._task, batch)
        trained, seconds = self._fit(network, spec.epochs_per_cut if cut else self._tuning.epochs, cut, MAIN)
        if trained.val_correct < self._required and spec.extra_epochs:
            further, more = self._fit(trained.network, spec.extra_epochs, cut, EXTRA)
            best = trained.epochs_run + further.best_epoch if further.best_epoch else trained.best_epoch
            trained = dataclasses.replace(further, best_epoch=best, epochs_run=trained.epochs_run + further.epochs_run)
            seconds += more
        return before, trained, seconds

    def _fit(self, network: Network, epochs: int, cut: int, part: str) -> tuple[Trained, float]:
        checkpoint, seed = self._checkpoint_of(_name(cut, part)), derive_seed(self._tuning.seed, "search", cut, part)
        self._parts.append(checkpoint)
        tuning = dataclasses.replace(self._tuning, epochs=epochs)
        trained = result_of(fine_tune(network, self._data, self._stage, tuning, seed, checkpoint, self._loss, self._frozen))
        return trained, checkpoint.seconds_before

    def _cut(self, network: Network, alive: tuple[Tensor, ...]) -> tuple[Network, tuple[Tensor, ...]] | None:
        """The candidate without its least important neurons, and which are left; None where none can be cut.

        A layer keeps its last active neuron: the network would be a constant without it.
        """
        scores = own_scores(self._spec.score, network, self._task, self._data.train, self._loss, self._frozen,
                           self._stage.evaluation_batch_size)
        others = [int(((owner != FREE) & (owner != self._task)).sum()) for owner in network.activated_by]
        left, step = sum(len(values) for values in scores), self._spec.step
        wanted = int(step) if step >= 1 else max(1, math.ceil(Decimal(str(step)) * left))
        gone = least_important(scores, [int(other == 0) for other in others], wanted)
        if not gone:
            return None
        kept, lives = [owner != FREE for owner in network.activated_by], [values.clone() for values in alive]
        own = [torch.nonzero(owner == self._task).flatten() for owner in network.activated_by]
        own_in_whole = [torch.nonzero(values).flatten() for values in alive]
        for layer, place in gone:
            kept[layer][own[layer][place]] = False
            lives[layer][own_in_whole[layer][place]] = False
        return cut_out(network, self._task, kept), tuple(lives)

    def _choose(self, standing: SearchStanding) -> tuple[CutCandidate, Network]:
        """The sparsest candidate within the margin, confirmed by the canonical evaluation of the whole network, whose count
        takes the place of its own; without any, the first candidate."""
        val = self._data.val
        for cut in sorted(standing.rows, reverse=True):
            network = self._in_whole(*standing.rows[cut])
            correct = correct_predictions(network, val.inputs, val.labels, self._task, self._stage.evaluation_batch_size)
            standing.candidates[cut] = dataclasses.replace(standing.candidates[cut], val_correct=correct)
            if correct >= self._required or not cut:
                return standing.candidates[cut], network
        raise AssertionError("the first candidate is always there")

    def _finish(self, network: Network, chosen: CutCandidate) -> tuple[Network, CutCandidate]:
        """Train the chosen candidate further; it stays as it was where that makes it no better."""
        began = time.perf_counter()
        small = cut_out(network, self._task, read_in_fine_tuning(network, self._task))
        trained, seconds = self._fit(small, self._spec.final_epochs, chosen.cut, FINAL)
        alive = tuple(owner == self._task for owner in network.activated_by)
        better, val = self._in_whole(alive, self._free(trained.network).state_dict()), self._data.val
        correct = correct_predictions(better, val.inputs, val.labels, self._task, self._stage.evaluation_batch_size)
        taken = correct >= chosen.val_correct
        final = CutCandidate(chosen.cut, chosen.neurons, chosen.val_correct, correct if taken else chosen.val_correct,
                             trained.best_epoch if taken else 0, trained.epochs_run, time.perf_counter() - began + seconds)
        return better if taken else network, final

    def _free(self, network: Network) -> FreeNetwork:
        """The rows of the task as a module. Those of a cut-out network and of the whole one have the same shapes."""
        return FreeNetwork(network, torch.Generator(), reopen=self._task)

    def _in_whole(self, alive: Sequence[Tensor], rows: dict[str, Tensor]) -> Network:
        """The whole network with these neurons of the task and their trained rows."""
        kept = [(owner != FREE) & ((owner != self._task) | lives)
                for owner, lives in zip(self._pruned.activated_by, alive, strict=True)]
        free = self._free(keep(self._pruned, self._task, kept))
        free.load_state_dict(rows)
        return free.assemble(self._task)


def _name(cut: int, part: str) -> str:
    """Of a training, for its checkpoint and messages."""
    return f"cut {cut}, {part}" if part else f"cut {cut}"


def _count(alive: Sequence[Tensor]) -> tuple[int, ...]:
    return tuple(int(lives.sum()) for lives in alive)
