"""Handle on the committed network of a task: its record, its weights, and its predictions."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clnp_core.errors import NotFoundError
from db.rows import CommitRow
from orchestrator.config.config import Config
from orchestrator.notebook.handle import Described, Shown, facts
from orchestrator.render.format import NOTHING, bytes_text, percent_or_nothing
from orchestrator.render.matrices import percent
from orchestrator.runs.location import Place
from workers.methods import Method

if TYPE_CHECKING:
    from torch.nn import Sequential

    from clnp_core.network import Network
    from orchestrator.notebook.predictions import Values


@dataclass(frozen=True, slots=True, repr=False)
class Commit(Described):
    """A handle on the network that was committed with a task; see :meth:`orchestrator.notebook.run_handle.Run.commit`.

    It serves its own task and all earlier ones (with method scratch, only its own). Callers pass the task of the samples.
    """

    run: str
    task: int
    place: Place

    @property
    def row(self) -> CommitRow:
        """Its record: digest, proof of zero forgetting, validation count, …"""
        with self.place.reads() as reads:
            return reads.commits(self.run, self.task)[0]

    @property
    def digest(self) -> str:
        """SHA-256 of its file in the artifact store."""
        return self.row.digest

    @property
    def tasks(self) -> tuple[int, ...]:
        """The tasks that it serves: its own and all earlier ones; only its own if every task has a separate network."""
        with self.place.reads() as reads:
            method = Method(reads.run(self.run).method)
        return (self.task,) if method.has_a_network_for_each_task else tuple(range(1, self.task + 1))

    def network(self) -> "Network":
        """Return the network on the CPU, read from the artifact store and verified by its digest.

        Raises:
            ArtifactError: it is missing or damaged.
        """
        from orchestrator.notebook.predictions import load

        return load(self.place.storage, self.digest)

    def logits(self, task: int, inputs: "Values") -> "Values":
        """Return the logits of samples of a task, by the forward pass of the recorded evaluation: for the task's whole test
        data and in the run's environment, they are equal to the recorded ones bit for bit.

        Args:
            task: the task of the samples, 1 to the commit's own.
            inputs: floats [samples, *shape], a NumPy array or a torch tensor, preprocessed as by the benchmark: scaled or
                normalized, and permuted if the benchmark permutes. ``run.stage(task).data()`` returns such samples. They
                are only converted to float32 here.

        Returns:
            float32 [samples, classes], an array or a tensor like the inputs.

        Raises:
            NotFoundError: the commit does not serve that task.
            DataError: the inputs are of another type or shape, or not finite.
            ArtifactError: the network is missing or damaged.
        """
        from orchestrator.notebook.predictions import logits_of

        self._refuse_later(task)
        with self.place.reads() as reads:
            config = Config.from_resolved(reads.run(self.run).config)
            digest = reads.commits(self.run, self.task)[0].digest
        return logits_of(self.place.storage, digest, task, inputs, config.evaluation.batch_size,
                         config.resources.threads_per_trial)

    def predict(self, task: int, inputs: "Values") -> "Values":
        """Return the class of every sample of a task, 0 … classes − 1: int64 [samples]. Arguments and errors as
        :meth:`logits`."""
        from orchestrator.notebook.predictions import labels_of

        return labels_of(self.logits(task, inputs))

    def module(self, task: int) -> "Sequential":
        """Return the part of the network that a task reads as plain torch modules in evaluation mode, independent of this
        project: float32 [batch, *shape] → logits [batch, classes], equal to :meth:`logits` up to rounding.

        Args:
            task: 1 to the commit's own.

        Raises:
            NotFoundError: the commit does not serve that task.
            ArtifactError: the network is missing or damaged.
        """
        from clnp_core.compact import extract
        from clnp_core.to_torch import plain_module

        self._refuse_later(task)
        return plain_module(extract(self.network(), task), task)

    def _refuse_later(self, task: int) -> None:
        tasks = self.tasks
        if task not in tasks:
            only = f"it serves task {self.task}"
            if len(tasks) < self.task:
                only += " only: with method scratch, every task has a separate network, in its own commit"
            raise NotFoundError(f"the commit of task {self.task} of run {self.run!r} does not serve task {task}",
                                only if len(tasks) == 1 else f"it serves tasks 1 to {self.task}")

    def _called(self) -> str:
        return f"Commit of task {self.task} of run {self.run}"

    def _show(self) -> Shown:
        with self.place.reads() as reads:
            row = reads.commits(self.run, self.task)[0]
            tested = [cell for cell in reads.accuracy_matrix(self.run) if cell.after_task == self.task]
            layers = [layer for layer in reads.capacity(self.run) if layer.task == self.task]
        used = " / ".join(f"{layer.used_neurons:,} of {layer.total_neurons:,}" for layer in layers)
        compared = row.verification.get("samples_compared")
        pairs = [("digest", row.digest), ("size", bytes_text(row.artifact_bytes)),
                 ("validation %", percent_or_nothing(row.val_correct, row.val_total)),
                 *((f"test % on task {cell.on_task}", percent(cell.test_accuracy)) for cell in tested),
                 ("neurons used", used or NOTHING),
                 ("proof", f"{compared:,} test samples of earlier tasks compared" if compared else NOTHING)]
        return facts(f"{self._called()}.", pairs)
