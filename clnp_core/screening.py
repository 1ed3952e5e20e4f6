"""A fast, one-sided test for pruned networks: it may reject a candidate for certain, never accept one.

Thousands of pruned networks differ from one another by a neuron or two. So each block of validation samples remembers, layer by
layer, what is passed on under the neurons kept last, and only what a change can reach is computed afresh; where a dense layer
reads a few neurons more or fewer, and nothing changed below, their columns alone are added to its sums or taken away. The
samples most likely to fail stand in the first block, and a candidate is rejected the moment its certain errors exceed the
budget: most cost one block.

Incremental sums round differently from the canonical evaluation. A sample therefore counts as a *certain* error only when a
wrong class leads by more than ``RELATIVE_TOLERANCE`` of the logits' scale, many times the rounding. What is not
rejected here is decided by the canonical evaluation (:mod:`clnp_core.threshold`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from clnp_core.architecture import Activation, Pool, Window
from clnp_core.evaluation import count_correct, exact_float32
from clnp_core.heads import neurons_read_by
from clnp_core.layers import BATCH_NORM_EPSILON, activate, laid_out, normalise, per_neuron, pooled, weigh
from clnp_core.network import Network, column_index, column_mask

RELATIVE_TOLERANCE = 1e-4
"""A wrong class must lead by this share of the scale (:meth:`_Stack.unpruned`) before a sample counts as a certain error."""

REBUILD_SHARE = 0.25
"""Above this share of changed neurons a block's sums are computed afresh, which also stops rounding from piling up."""

BLOCK_BYTES = 2**27
"""About what a block may remember; where a sample's activations are large, blocks have fewer samples."""

MEMORY_BYTES = 2**30
"""About what all blocks may remember; those beyond forget, and are computed from the inputs whenever they are needed."""


class Screen:
    """Candidates of one unpruned network, tested on one validation set."""

    def __init__(self, network: Network, task: int, inputs: Tensor, labels: Tensor, allowed_wrong: int) -> None:
        """Order the samples, hardest first, and find the scale of their logits.

        Args:
            network: unpruned; the neurons of ``task`` are the candidates.
            task: counted from 1.
            inputs: float [samples, *input shape].
            labels: int64 [samples].
            allowed_wrong: the error budget; more errors than this reject a candidate.
        """
        stack = _Stack(network, task)
        self._allowed_wrong = allowed_wrong
        fits = max(16, BLOCK_BYTES // stack.bytes_per_sample(inputs[:1]))
        size = min(max(256, 2 * allowed_wrong), fits)
        leads, scales = [], [0.0]
        with torch.no_grad(), exact_float32():
            for start in range(0, len(inputs), size):
                logits, scale = stack.unpruned(laid_out(inputs[start:start + size].to(torch.float32)))
                leads.append(_lead_of_truth(logits, labels[start:start + size]))
                scales.append(scale)
        self._tolerance = RELATIVE_TOLERANCE * float(torch.tensor(scales).max())  # NaN wins
        hardest_first = torch.cat(leads).argsort(stable=True)
        remembered = max(1, MEMORY_BYTES // (size * stack.bytes_per_sample(inputs[:1])))
        self._blocks = [_Block(stack, inputs[index], labels[index], position < remembered)
                        for position, index in enumerate(torch.split(hardest_first, size))]

    @torch.no_grad()
    def certainly_fails(self, kept: Sequence[Tensor]) -> bool:
        """Whether keeping only ``kept`` (per hidden layer bool [width]) certainly exceeds the error budget."""
        wrong = 0
        with exact_float32():
            for block in self._blocks:
                lead = _lead_of_truth(block.logits(kept), block.labels)
                wrong += int((lead < -self._tolerance).sum())
                if wrong > self._allowed_wrong:
                    return True
        return False

    @torch.no_grad()
    def counts_correct(self, candidates: Sequence[Sequence[Tensor]]) -> list[int]:
        """Correct samples of every candidate under incremental sums: for curves, where one sample more or less decides nothing.

        Cheap where neighbours in ``candidates`` differ by few neurons.
        """
        counts = [0] * len(candidates)
        with exact_float32():
            for block in self._blocks:
                counts = [count + more for count, more in zip(counts, block.counts_correct(candidates), strict=True)]
        return counts


@dataclass(frozen=True, slots=True)
class _Step:
    """One layer of the unpruned network, or its output: what weighs, and what follows."""

    window: Window | None
    weight: Tensor
    transposed: Tensor | None
    """Of a dense layer: [columns, rows], so that the column of a neuron is one row in memory."""
    bias: Tensor | None
    vectors: Mapping[str, Tensor]
    activation: Activation | None
    pool: Pool | None

    def responses(self, sums: Tensor) -> Tensor:
        """What the layer passes on, or the logits."""
        if self.activation is None:
            return sums if self.window is None else sums.mean(dim=(2, 3))
        return pooled(self.pool, activate(normalise(sums, self.vectors), self.activation))

    def partial(self, values: Tensor, columns: Tensor) -> Tensor:
        """The sums over some columns, without the bias."""
        if self.transposed is not None:
            return values.flatten(1)[:, columns] @ self.transposed[columns]
        return weigh(self.window, values[:, columns], self.weight[:, columns])


class _Stack:
    """The unpruned network as steps, its output reading only what the task may read."""

    def __init__(self, network: Network, task: int) -> None:
        self.architecture = architecture = network.architecture
        head = network.head(task)
        readable = column_mask(architecture, architecture.depth, neurons_read_by(architecture, network.activated_by[-1], task))
        head_weight = head.weight * per_neuron(readable.to(head.weight.dtype), head.weight)
        steps = [(layer.convolution, rows.weight, rows.vectors.get("bias"), rows.vectors, layer.activation, layer.pool)
                 for layer, rows in zip(architecture.layers, network.hidden, strict=True)]
        self.steps = [
            _Step(window, weight, weight.t().contiguous() if window is None else None, bias, vectors, activation, pool)
            for window, weight, bias, vectors, activation, pool in
            [*steps, (architecture.output, head_weight, head.bias, {}, None, None)]]

    def bytes_per_sample(self, sample: Tensor) -> int:
        """Float32 bytes that a block remembers of one sample [1, *input shape]."""
        values, count = sample.to(torch.float32), sample.numel()
        with torch.no_grad():
            for step in self.steps:
                sums = weigh(step.window, values, step.weight, step.bias)
                values = step.responses(sums)
                count += values.numel() + (sums.numel() if step.window is None else 0)
        return 4 * count

    def unpruned(self, inputs: Tensor) -> tuple[Tensor, float]:
        """Logits with everything kept, and the scale of what any pruned network may add up to them.

        The scale is the largest |logit|, or the largest root of the sum of squares of its terms where they cancel: rounding
        follows the terms, and a pruned network may lack the very neurons that cancelled the others.

        Returns:
            float [samples, classes], and the scale (NaN or infinite with the network).
        """
        values, squares = inputs, inputs.square()
        for step in self.steps:
            squares = weigh(step.window, squares, step.weight.square(), None if step.bias is None else step.bias.square())
            values = step.responses(weigh(step.window, values, step.weight, step.bias))
            if "scale" in step.vectors:
                gain = step.vectors["scale"] / (step.vectors["variance"] + BATCH_NORM_EPSILON).sqrt()
                offset = step.vectors["shift"] - step.vectors["mean"] * gain
                squares = squares * per_neuron(gain.square(), squares) + per_neuron(offset.square(), squares)
            squares = pooled(step.pool, squares)
            if step.activation is None and step.window is not None:
                squares = squares.mean(dim=(2, 3))
            squares = torch.maximum(squares, values.square())
        return values, float(squares.sqrt().max())


class _Block:
    """Some samples, and per layer what it passes on under the neurons kept last; of dense layers the sums as well."""

    def __init__(self, stack: _Stack, inputs: Tensor, labels: Tensor, remembers: bool) -> None:
        self.labels = labels
        self._stack, self._inputs, self._remembers = stack, laid_out(inputs.to(torch.float32)), remembers
        self._forget()

    def _forget(self) -> None:
        self._sums: list[Tensor | None] = [None] * len(self._stack.steps)
        self._passed_on: list[Tensor | None] = [None] * len(self._stack.steps)
        self._kept: Sequence[Tensor] = ()

    def counts_correct(self, candidates: Sequence[Sequence[Tensor]]) -> list[int]:
        """Of one candidate after another, remembering from each to the next."""
        usually, self._remembers = self._remembers, True
        counts = [count_correct(self.logits(kept), self.labels) for kept in candidates]
        self._remembers = usually
        if not usually:
            self._forget()
        return counts

    def logits(self, kept: Sequence[Tensor]) -> Tensor:
        changed = False  # whether what the layer below passes on differs from what the sums were made of
        for index, step in enumerate(self._stack.steps):
            sums = self._changed_sums(index, kept[index - 1] if index else None, changed)
            changed = sums is not None
            if sums is not None:
                self._passed_on[index] = step.responses(sums)
                self._sums[index] = sums if step.window is None else None
        self._kept = kept
        found = _given(self._passed_on[-1])
        if not self._remembers:
            self._forget()
        return found

    def _changed_sums(self, index: int, kept: Tensor | None, changed_below: bool) -> Tensor | None:
        """The sums that arrive at a layer, or None where they are still what they were.

        Args:
            index: the layer; the last is the output.
            kept: bool [width of the layer below]; None where it reads the inputs.
            changed_below: whether what the layer below passes on has changed.
        """
        step = self._stack.steps[index]
        if kept is None:
            unknown = self._passed_on[0] is None
            return weigh(step.window, self._inputs, step.weight, step.bias) if unknown else None
        if changed_below or self._passed_on[index] is None:
            return self._fresh(index, kept)
        before, sums = self._kept[index - 1], self._sums[index]
        added, removed = (torch.nonzero(kept & ~before).flatten(), torch.nonzero(before & ~kept).flatten())
        if not len(added) + len(removed):
            return None
        if sums is None or len(added) + len(removed) > REBUILD_SHARE * len(kept):
            return self._fresh(index, kept)
        below = _given(self._passed_on[index - 1])
        for neurons, sign in ((added, 1), (removed, -1)):
            if len(neurons):
                sums.add_(step.partial(below, column_index(self._stack.architecture, index, neurons)), alpha=sign)
        return sums

    def _fresh(self, index: int, kept: Tensor) -> Tensor:
        step, below = self._stack.steps[index], _given(self._passed_on[index - 1])
        sums = step.partial(below, column_index(self._stack.architecture, index, torch.nonzero(kept).flatten()))
        return sums if step.bias is None else sums + per_neuron(step.bias, sums)


def _given(values: Tensor | None) -> Tensor:
    assert values is not None, "layers are computed in order"
    return values


def _lead_of_truth(logits: Tensor, labels: Tensor) -> Tensor:
    """How far the true class leads the best wrong one: logits [n, classes], labels [n] → [n]; NaN stays NaN."""
    truth = logits.gather(1, labels[:, None])
    wrong = logits.scatter(1, labels[:, None], float("-inf"))
    return truth.squeeze(1) - wrong.amax(dim=1)
