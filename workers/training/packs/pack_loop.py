"""Train the trials of a pack, from free rows to trained networks: :mod:`workers.training.loop` for all of them at once."""

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

import torch

from clnp_core.evaluation import correct_predictions
from clnp_core.l1 import l1_penalty
from clnp_core.network import Network
from clnp_core.values import Epoch
from workers.data.loader import TaskData
from workers.spec import TrialSpec
from workers.storage.checkpoints import Snapshot
from workers.training.cuda_graphs import Graphs
from workers.training.loop import DivergedError, batches, divergence
from workers.training.packs.pack import Pack
from workers.training.resume import NEVER, Checkpoint
from workers.training.state import EpochUnderway, Learner, Trained, begin_epoch, below, epoch_of

Outcome = Trained | DivergedError


def train_pack(trials: Sequence[TrialSpec], base: Network, data: TaskData,
               checkpoint: Checkpoint = NEVER) -> Generator[tuple[int, Epoch], None, dict[int, Outcome]]:
    """Train the trials of a pack side by side; a trial that diverges or stops early does not affect the others.

    Seconds of epochs and trainings are a member's share of the pack's: their sum is the duration of the pack.

    Args:
        trials: the pack, in order.
        base: the committed network, already widened to the trials' architecture, on the device of ``data``.
        data: the task.
        checkpoint: as in :func:`workers.training.loop.train`, of the whole pack.

    Yields:
        After every epoch, the epochs of the trials that are still training, each with the number of its trial.

    Returns:
        By number, the network of the best epoch, or the divergence.

    Raises:
        DepletedError: single-head without a free neuron in the last hidden layer.
    """
    stage, spec, samples = trials[0].stage, trials[0].stage.training, len(data.train)
    pack, device = Pack(trials, base, data), data.train.inputs.device
    step = Graphs(pack.step, pack.rehearse) if device.type == "cuda" else pack.step
    standing = PackStanding(pack, [Learner(member, generator, None)
                                   for member, generator in zip(pack.members, pack.generators, strict=True)])
    checkpoint.restore(standing)
    for epoch in range(standing.epochs_run):
        yield from ((trial.number, learner.epochs[epoch]) for trial, learner in zip(trials, standing.learners, strict=True)
                    if epoch < learner.epochs_run)

    for epoch in range(standing.epochs_run + 1, spec.epochs + 1):
        training = [place for place, learner in enumerate(standing.learners)
                    if place not in standing.diverged and not learner.waits_in_vain(spec.early_stopping_patience)]
        if not training:
            break
        underway = begin_epoch(standing, pack.loss_sums, lambda: (
            torch.stack([torch.randperm(samples, generator=generator) for generator in pack.generators]),))
        order = underway.orders[0].to(device)
        for batch in checkpoint.batches_left(batches(order, spec.batch_size, stage.architecture.has_batch_norm), standing):
            step(batch, pack.draw_dropout(batch.shape[1]))
        pack.optimizer.epoch_ended(epoch)

        losses, measured = (pack.loss_sums / samples).tolist(), []
        for place in training:
            learner = standing.learners[place]
            penalty = l1_penalty(learner.free.penalised(), trials[place].alpha)
            diverged = divergence(losses[place], penalty, epoch)
            if diverged is not None:
                standing.diverged[place] = diverged.message, diverged.hint
                continue
            network = learner.free.assemble(stage.task)
            correct = correct_predictions(network, data.val.inputs, data.val.labels, stage.task, stage.evaluation_batch_size)
            measured.append((place, network, losses[place], penalty, correct))
        seconds = (time.perf_counter() - underway.began) / len(trials)
        for place, network, loss, penalty, correct in measured:
            standing.learners[place].ended(Epoch(epoch, loss, penalty, correct, len(data.val), seconds), network)
        checkpoint.maybe_save(standing)
        yield from ((trials[place].number, standing.learners[place].epochs[-1]) for place, *_ in measured)

    checkpoint.end(standing)
    seconds = (time.perf_counter() - standing.began) / len(trials)
    return {trial.number: DivergedError(*standing.diverged[place]) if place in standing.diverged else learner.result(seconds)
            for place, (trial, learner) in enumerate(zip(trials, standing.learners, strict=True))}


@dataclass(slots=True)
class PackStanding:
    """The state of the training of a pack between two steps.

    Attributes:
        pack: its weights and its optimizer.
        learners: its members, in order.
        diverged: message and hint of diverged members, by their position.
        began, epoch: as in :class:`workers.training.state.TrialStanding`.
    """

    pack: Pack
    learners: list[Learner]
    diverged: dict[int, tuple[str, str]] = field(default_factory=dict)
    began: float = field(default_factory=time.perf_counter)
    epoch: EpochUnderway | None = None

    @property
    def epochs_run(self) -> int:
        """The number of epochs that have ended."""
        return max(learner.epochs_run for learner in self.learners)

    def capture(self) -> Snapshot:
        """Return its state. The tensors are not copies."""
        captured = [learner.captured() for learner in self.learners]
        tensors = {f"{place}.{name}": values for place, member in enumerate(captured)
                   for name, values in member.tensors.items()}
        tensors |= {f"optimizer.{name}": values for name, values in self.pack.optimizer.state().items()}
        snapshot = Snapshot(tensors, {"members": [member.facts for member in captured],
                                      "diverged": {str(place): list(why) for place, why in self.diverged.items()},
                                      "seconds": time.perf_counter() - self.began})
        return snapshot if self.epoch is None else snapshot.with_all_of(self.epoch.captured())

    def restore(self, snapshot: Snapshot) -> None:
        """Restore the state that :meth:`capture` returned."""
        facts, tensors = snapshot.facts, snapshot.tensors
        for place, (learner, of_member) in enumerate(zip(self.learners, facts["members"], strict=True)):
            learner.bring_back(Snapshot(below(f"{place}.", tensors), of_member))
        self.pack.optimizer.load_state(below("optimizer.", tensors))
        self.diverged = {int(place): (what, how) for place, (what, how) in facts["diverged"].items()}
        self.epoch = epoch_of(snapshot)
        self.began = time.perf_counter() - facts["seconds"]
