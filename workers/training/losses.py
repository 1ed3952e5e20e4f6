"""What a training minimises, as a value that the loop is given: cross-entropy, or the distance to teachers (distillation).

A loss also holds the samples that it is taken on. Distillation sees more than the training set: a pool of the clean samples and
of mixed copies, whose labels are the teachers' logits (docs/distillation.md has the definitions).
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from clnp_core.errors import DataError
from clnp_core.evaluation import Inputs, logit_batches
from clnp_core.network import Network
from workers.data.samples import Samples
from workers.spec import DistillationSpec, derive_seed


class Loss(Protocol):
    """A loss and the samples that it is taken on. It looks at no value of a tensor, so that a step can be a CUDA graph."""

    @property
    def inputs(self) -> Inputs:
        """What the network reads."""

    def order(self, generator: torch.Generator) -> Tensor:
        """The samples of one epoch, as many as the training set has, int64 on the CPU."""

    def __call__(self, logits: Tensor, batch: Tensor) -> Tensor:
        """The mean loss of a batch.

        Args:
            logits: float [n, classes].
            batch: int64 [n], its samples.
        """


class CrossEntropy:
    """Of the labels (paper §2.2)."""

    def __init__(self, samples: Samples) -> None:
        self.inputs: Inputs = samples.inputs
        self._labels = samples.labels

    def order(self, generator: torch.Generator) -> Tensor:
        """A permutation of the training set."""
        return torch.randperm(len(self._labels), generator=generator)

    def __call__(self, logits: Tensor, batch: Tensor) -> Tensor:
        """The mean cross-entropy of a batch."""
        return functional.cross_entropy(logits, self._labels[batch])


class MixedInputs:
    """The clean training samples, and behind them mixed copies of all of them: x = (1 − λ)·x₁ + λ·x₂.

    Place c·n + i holds copy c of sample i, copy 0 being the clean one. A mixed sample is computed whenever it is read, from the
    places of the two samples and from λ: 20 bytes a place, whatever the size of a sample.
    """

    def __init__(self, inputs: Tensor, copies: int, bound: float, seed: int) -> None:
        """Draw what is mixed with what.

        Args:
            inputs: float [n, *input shape].
            copies: mixed copies of every sample; 0 for none.
            bound: the largest λ; it is drawn uniformly from [0, bound].
            seed: of the draws.
        """
        generator, n = torch.Generator().manual_seed(seed), len(inputs)
        first = torch.arange(n)
        partners = torch.randint(n, (copies * n,), generator=generator)
        shares = torch.rand(copies * n, generator=generator) * bound
        self._inputs = inputs
        self._first = first.repeat(1 + copies).to(inputs.device)
        self._second = torch.cat([first, partners]).to(inputs.device)
        self._share = torch.cat([torch.zeros(n), shares]).to(inputs.device, inputs.dtype)

    def __len__(self) -> int:
        return len(self._share)

    def __getitem__(self, places: slice | Tensor, /) -> Tensor:
        """The samples at these places: float [places, *input shape]."""
        share = self._share[places].reshape(-1, *(1,) * (self._inputs.ndim - 1))
        return torch.lerp(self._inputs[self._first[places]], self._inputs[self._second[places]], share)


class DistillationLoss:
    """(1 − s)·T²·KL(teacher ‖ student) at the temperature T, and s of the cross-entropy.

    The teacher's distribution is the softmax of the mean of several teachers' logits, divided by T. The cross-entropy is taken
    on clean samples alone: a mixed one has two labels, and counts with 0.
    """

    def __init__(self, samples: Samples, spec: DistillationSpec, teachers: Sequence[Network], task: int, seed: int,
                 batch_size: int) -> None:
        """Mix the pool, and ask the teachers about all of it, once.

        Args:
            samples: the training set of the task, on the device of the teachers.
            spec: temperature, share of the cross-entropy, and mixing.
            teachers: at least one, networks that have learnt the task.
            task: counted from 1: whose head of the teachers is read.
            seed: of the mixing.
            batch_size: of a pass of a teacher.

        Raises:
            DataError: the inputs are to be mixed, and are no floating-point numbers.
        """
        if spec.copies and not samples.inputs.is_floating_point():
            raise DataError(f"the inputs are {samples.inputs.dtype}, and mixing averages inputs", MIXING_HINT)
        mixed = MixedInputs(samples.inputs, spec.copies, spec.mixing, derive_seed(seed, "mixing"))
        self.inputs: Inputs = mixed if spec.copies else samples.inputs
        self._temperature, self._share = spec.temperature, spec.cross_entropy
        self._samples, self._places = len(samples), len(mixed)
        soft = mean_logits(teachers, self.inputs, task, batch_size) / spec.temperature
        self._log_teacher = functional.log_softmax(soft, dim=1)
        if spec.cross_entropy:
            self._labels = samples.labels.repeat(1 + spec.copies)
            self._is_clean = (torch.arange(len(mixed), device=soft.device) < len(samples)).to(soft.dtype)

    def order(self, generator: torch.Generator) -> Tensor:
        """As many places of the pool as the training set has samples, drawn without replacement."""
        return torch.randperm(self._places, generator=generator)[:self._samples]

    def __call__(self, logits: Tensor, batch: Tensor) -> Tensor:
        """The mean loss of a batch of places of the pool."""
        logits = logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits
        student = functional.log_softmax(logits / self._temperature, dim=1)
        distance = functional.kl_div(student, self._log_teacher[batch], reduction="batchmean", log_target=True)
        loss = (1 - self._share) * self._temperature**2 * distance
        if not self._share:
            return loss
        entropy = functional.cross_entropy(logits, self._labels[batch], reduction="none")
        return loss + self._share * (entropy * self._is_clean[batch]).mean()


MIXING_HINT = "give the benchmark's inputs as floating-point numbers, or set fine_tuning.distillation.mixing to 0"


def mean_logits(networks: Sequence[Network], inputs: Inputs, task: int, batch_size: int) -> Tensor:
    """The mean of the canonical logits of several networks for one task: float32 [samples, classes].

    Args:
        networks: at least one, on the device of the inputs.
        inputs: float [samples, *input shape].
        task: counted from 1.
        batch_size: of the canonical evaluation.
    """
    total = torch.cat(list(logit_batches(networks[0], inputs, task, batch_size)))
    for network in networks[1:]:
        total += torch.cat(list(logit_batches(network, inputs, task, batch_size)))
    return total / len(networks)
