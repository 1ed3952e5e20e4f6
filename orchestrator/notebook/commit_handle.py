"""The committed network of a task: what it is, and what it says about samples."""

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
    """A handle on the network that was committed with a task. :meth:`orchestrator.notebook.run_handle.Run.commit` gives it.

    It serves its own task and all before it (with method scratch its own alone), and it has to be told which task a sample
    belongs to.
    """

    run: str
    task: int
    place: Place

    @property
    def row(self) -> CommitRow:
        """All that is recorded of it: digest, proof of zero forgetting, validation count, …"""
        with self.place.reads() as reads:
            return reads.commits(self.run, self.task)[0]

    @property
    def digest(self) -> str:
        """SHA-256 of its file in the artifact store."""
        return self.row.digest

    @property
    def tasks(self) -> tuple[int, ...]:
        """The tasks that it serves: its own and all before it; its own alone where every task has a network of its own."""
        with self.place.reads() as reads:
            method = Method(reads.run(self.run).method)
        return (self.task,) if method.has_a_network_for_each_task else tuple(range(1, self.task + 1))

    def network(self) -> "Network":
        """The network itself, read from the artifact store and compared with its digest; on the CPU.

        Raises:
            ArtifactError: it is missing or damaged.
        """
        from orchestrator.notebook.predictions import load

        return load(self.place.storage, self.digest)

    def logits(self, task: int, inputs: "Values") -> "Values":
        """What the network says about samples of a task, by the forward pass that its recorded accuracy was counted with: for
        all of the task's test data, and in the run's environment, these are the recorded bits.

        Args:
            task: which the samples belong to, 1 to the commit's own.
            inputs: floats [samples, *shape], an array of NumPy or a tensor of torch, of samples as the benchmark's task gives
                them: scaled or normalised, and permuted where the benchmark permutes. ``run.stage(task).data()`` has such.
                Nothing is done to them here but a conversion to float32.

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
        """The class of every sample of a task, 0 … classes − 1: int64 [samples]. Arguments and errors as :meth:`logits`."""
        from orchestrator.notebook.predictions import labels_of

        return labels_of(self.logits(task, inputs))

    def module(self, task: int) -> "Sequential":
        """The part of the network that a task reads, as plain modules of torch in evaluation mode, that need nothing of this
        project: from float32 [batch, *shape] to logits [batch, classes], equal to :meth:`logits` up to rounding.

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
                only += " alone: with method scratch every task has a network of its own, that of its own commit"
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
