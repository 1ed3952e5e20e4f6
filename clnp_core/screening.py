"""A fast test that determines for most pruned networks with certainty whether they are within the error budget.

Thousands of pruned networks differ from one another by one or two neurons. Each keeps the beginning of one list of neurons per
layer (:mod:`clnp_core.pruning`), so weights are stored in the order of these lists, and only rows and columns up to the last
kept neuron are used. Each block of validation samples caches the last output of every layer, and only what a change affects is
computed again; if a dense layer reads a few neurons more or fewer, and nothing changed below, only their columns are added to
its sums or subtracted. The samples that are most likely to fail are in the first block, and a candidate is rejected as soon as
its certain errors exceed the budget: most need only one block.

Incremental sums round differently from the canonical evaluation. A sample therefore counts as *certain* only if a class leads
by more than ``RELATIVE_TOLERANCE`` of the logits' scale, many times the rounding error. The canonical evaluation decides the
others (:mod:`clnp_core.threshold`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from clnp_core.architecture import Activation, Pool, Window
from clnp_core.evaluation import count_correct, exact_float32
from clnp_core.heads import neurons_read_by
from clnp_core.layers import BATCH_NORM_EPSILON, activate, laid_out, normalise, per_neuron, pooled, weigh
from clnp_core.network import Network, column_index, column_mask
from clnp_core.pruning import Lengths, Ranking

RELATIVE_TOLERANCE = 5e-5
"""The lead of a class, as a share of the scale (:meth:`_Stack.leads_and_scale`), from which a sample is certain."""

REBUILD_SHARE = 0.25
"""Share of removed neurons from which a layer's sums are computed again, because each removal adds a rounding error."""

BLOCK_BYTES = 2**27
"""Approximate cache size of a block; blocks have fewer samples if the activations of a sample are large."""

MEMORY_BYTES = 2**30
"""Approximate cache size of all blocks; further blocks are computed from the inputs whenever they are needed."""

CURVE_BLOCK = 1000
"""Maximum number of samples of a block if all samples are counted."""


class Screen:
    """Candidates of one unpruned network, tested on one validation set."""

    def __init__(self, network: Network, task: int, ranking: Ranking, inputs: Tensor, labels: Tensor,
                 allowed_wrong: int, longest: Lengths) -> None:
        """Order the samples, hardest first, and determine the scale of their logits.

        Args:
            network: unpruned; the neurons of ``task`` are the candidates.
            task: counted from 1.
            ranking: of its neurons.
            inputs: float [samples, *input shape].
            labels: int64 [samples].
            allowed_wrong: the error budget; more errors than this reject a candidate.
            longest: the most neurons that a candidate keeps of each layer; the others are not used.
        """
        stack = _Stack(network, task, ranking, longest)
        self._allowed_wrong, self.longest = allowed_wrong, longest
        fits = max(16, BLOCK_BYTES // stack.bytes_per_sample(inputs[:1]))
        size = min(max(256, 2 * allowed_wrong), fits)
        with torch.no_grad(), exact_float32():
            leads, scale = stack.leads_and_scale(inputs, labels, min(fits, CURVE_BLOCK))
        self._tolerance = RELATIVE_TOLERANCE * scale
        remembered = max(1, MEMORY_BYTES // (size * stack.bytes_per_sample(inputs[:1])))
        self._blocks = [_Block(stack, inputs, labels, index, position < remembered)
                        for position, index in enumerate(torch.split(leads.argsort(stable=True), size))]

    def judge(self, lengths: Lengths) -> "Judgement":
        """Count the certain samples of a pruned network, until the budget is exceeded.

        Call this under ``torch.no_grad()`` and :func:`clnp_core.evaluation.exact_float32`; entering them here would double the
        cost.
        """
        wrong = right = 0
        uncertain = []
        for block in self._blocks:
            lead = block.leads(lengths)
            fails = lead < -self._tolerance
            wrong += int(fails.sum())
            if wrong > self._allowed_wrong:
                return Judgement(wrong, right, None)
            leads = lead > self._tolerance
            right += int(leads.sum())
            uncertain.append(block.samples[~(fails | leads)])
        return Judgement(wrong, right, torch.cat(uncertain))


class Judgement(NamedTuple):
    """The number of samples that are certainly wrong and certainly right, and the others, int64 [n]; None if the errors
    exceeded the budget, which ends the count."""

    wrong: int
    right: int
    uncertain: Tensor | None


@torch.no_grad()
def counts_correct(network: Network, task: int, ranking: Ranking, inputs: Tensor, labels: Tensor,
                   candidates: Sequence[Lengths]) -> list[int]:
    """Count the correct samples of every candidate with incremental sums, for curves, which need not be exact to the sample.

    This is cheap if consecutive candidates differ by few neurons. Arguments as for :class:`Screen`.
    """
    stack = _Stack(network, task, ranking, tuple(map(max, zip(*candidates, strict=True))))
    size = min(max(16, BLOCK_BYTES // stack.bytes_per_sample(inputs[:1])), CURVE_BLOCK)
    counts = [0] * len(candidates)
    with exact_float32():
        for start in range(0, len(inputs), size):
            samples = torch.arange(start, min(start + size, len(inputs)), device=inputs.device)
            block = _Block(stack, inputs, labels, samples, remembers=True)
            for place, lengths in enumerate(candidates):
                counts[place] += count_correct(block.logits(lengths), block.labels)
    return counts


@dataclass(frozen=True, slots=True)
class _Step:
    """One layer of the longest candidate, or its output: weights and what follows. Neurons are in the ranking's order."""

    window: Window | None
    weight: Tensor
    """[rows, columns, …]; of a dense layer [columns, rows], so that the column of a neuron is one row in memory."""
    bias: Tensor | None
    vectors: Mapping[str, Tensor]
    activation: Activation | None
    pool: Pool | None
    columns_per_neuron: int

    @property
    def rows(self) -> int:
        """Return the number of neurons of the layer, or of classes."""
        return self.weight.shape[1 if self.window is None else 0]

    def responses(self, sums: Tensor, first: int = 0) -> Tensor:
        """Return the output of the rows from ``first`` on; or the logits."""
        if self.activation is None:
            return sums if self.window is None else sums.mean(dim=(2, 3))
        last = first + sums.shape[1]
        vectors = {name: values[first:last] for name, values in self.vectors.items()}
        return pooled(self.pool, activate(normalise(sums, vectors), self.activation))

    def fresh(self, values: Tensor, first: int, last: int) -> Tensor:
        """Return the sums of a slice of rows over all columns of ``values``, including the bias."""
        bias = None if self.bias is None else self.bias[first:last]
        if self.window is not None:
            return weigh(self.window, values, self.weight[first:last, :values.shape[1]], bias)
        values = values.flatten(1)
        weight = self.weight[:values.shape[1], first:last]
        return values @ weight if bias is None else torch.addmm(bias, values, weight)

    def squared(self, squares: Tensor) -> Tensor:
        """Return the sums of squared terms."""
        bias = None if self.bias is None else self.bias.square()
        weight = (self.weight.t() if self.window is None else self.weight).square()
        return weigh(self.window, squares, weight, bias)


class _Stack:
    """The longest candidate as steps; its output reads only the neurons that the task may read."""

    def __init__(self, network: Network, task: int, ranking: Ranking, longest: Lengths) -> None:
        architecture, head = network.architecture, network.head(task)
        order = [neurons[:kept].to(head.weight.device) for neurons, kept in zip(ranking.order, longest, strict=True)]
        readable = column_mask(architecture, architecture.depth, neurons_read_by(architecture, network.activated_by[-1], task))
        layers: list[tuple[Window | None, Tensor, Mapping[str, Tensor], Activation | None, Pool | None]] = [
            (layer.convolution, rows.of(own).weight, rows.of(own).vectors, layer.activation, layer.pool)
            for layer, rows, own in zip(architecture.layers, network.hidden, order, strict=True)]
        layers.append((architecture.output, head.weight * per_neuron(readable.to(head.weight.dtype), head.weight),
                       {} if head.bias is None else {"bias": head.bias}, None, None))
        self.steps: list[_Step] = []
        for index, (window, weight, vectors, activation, pool) in enumerate(layers):
            if index:
                weight = weight[:, column_index(architecture, index, order[index - 1])]
            self.steps.append(_Step(window, weight.t().contiguous() if window is None else weight, vectors.get("bias"), vectors,
                                    activation, pool, architecture.columns_per_neuron[index]))

    def bytes_per_sample(self, sample: Tensor) -> int:
        """Return the bytes of float32 values that a block caches for one sample [1, *input shape]."""
        values, count = sample.to(torch.float32), sample.numel()
        with torch.no_grad():
            for step in self.steps:
                sums = step.fresh(values, 0, step.rows)
                values = step.responses(sums)
                count += values.numel() + (sums.numel() if step.window is None else 0)
        return 4 * count

    def leads_and_scale(self, inputs: Tensor, labels: Tensor, batch_size: int) -> tuple[Tensor, float]:
        """Return the lead of the true class in every sample for the longest candidate, and the scale of all candidates' logits.

        The scale bounds the largest |logit|, and the root of the sum of squares of its terms if they cancel: rounding errors
        depend on the terms, and a pruned network may lack the neurons that cancelled the others. It assumes a sample in which
        every activation has its maximum over all samples.

        Returns:
            float [samples], and the scale (NaN or infinite if the network's values are).
        """
        leads, largest = [], [torch.zeros((), device=inputs.device)] * (len(self.steps) + 1)
        for start in range(0, len(inputs), batch_size):
            values = laid_out(inputs[start:start + batch_size].to(torch.float32))
            largest[0] = torch.maximum(largest[0], values.abs().amax(dim=0, keepdim=True))
            for index, step in enumerate(self.steps):
                values = step.responses(step.fresh(values, 0, step.rows))
                largest[index + 1] = torch.maximum(largest[index + 1], values.abs().amax(dim=0, keepdim=True))
            own = labels[start:start + batch_size]
            leads.append(_lead_of_truth(values, own, _wrong_classes(own, values)))
        squares = largest[0].square()
        for index, step in enumerate(self.steps):
            squares = step.squared(squares)
            if "scale" in step.vectors:
                gain = step.vectors["scale"] / (step.vectors["variance"] + BATCH_NORM_EPSILON).sqrt()
                offset = step.vectors["shift"] - step.vectors["mean"] * gain
                squares = squares * per_neuron(gain.square(), squares) + per_neuron(offset.square(), squares)
            squares = pooled(step.pool, squares)
            if step.activation is None and step.window is not None:
                squares = squares.mean(dim=(2, 3))
            squares = torch.maximum(squares, largest[index + 1].square())
        return torch.cat(leads), float(squares.sqrt().max())


class _Remembered:
    """The cache of one layer and one block: its last output.

    Attributes:
        passed_on: the output, unset beyond ``rows``: [samples, neurons, …].
        sums: the same before the nonlinearity, for dense layers.
        columns: number of neurons below in the sums.
        rows: number of neurons, from the first, that are up to date.
        gone: number of neurons below that were subtracted since the sums were last computed in full.
    """

    def __init__(self) -> None:
        self.passed_on: Tensor | None = None
        self.sums: Tensor | None = None
        self.columns = self.rows = self.gone = 0


class _Block:
    """Some samples, and the cached output of every layer for the last candidate; for dense layers also the sums."""

    def __init__(self, stack: _Stack, inputs: Tensor, labels: Tensor, samples: Tensor, remembers: bool) -> None:
        self.samples, self.labels = samples, labels[samples]
        self._steps, self._inputs, self._remembers = stack.steps, laid_out(inputs[samples].to(torch.float32)), remembers
        self._layers = [_Remembered() for _ in stack.steps]
        self._wrong: Tensor | None = None

    def leads(self, lengths: Lengths) -> Tensor:
        """Return the lead of the true class over the best wrong one: [samples]."""
        found = self.logits(lengths)
        if self._wrong is None:
            self._wrong = _wrong_classes(self.labels, found)
        return _lead_of_truth(found, self.labels, self._wrong)

    def logits(self, lengths: Lengths) -> Tensor:
        """Return the logits of the network that keeps this many neurons of every layer: [samples, classes]."""
        below, changed = self._inputs, False  # changed: whether the previous output of the layer below has changed
        reads, rows_of_layers = (self._inputs.shape[1], *lengths), (*lengths, self._steps[-1].rows)
        for step, layer, columns, rows in zip(self._steps, self._layers, reads, rows_of_layers, strict=True):
            changed = _advance(step, layer, below, columns, rows, changed)
            below = _given(layer.passed_on)
        if not self._remembers:
            self._layers = [_Remembered() for _ in self._steps]
        return below


def _advance(step: _Step, layer: _Remembered, below: Tensor, columns: int, rows: int, changed_below: bool) -> bool:
    """Update a layer to this many neurons below and of its own; return whether its previous output has changed."""
    difference = columns - layer.columns
    gone = layer.gone + max(0, -difference)
    if (layer.passed_on is None or changed_below or (difference and layer.sums is None)
            or gone > REBUILD_SHARE * max(columns, 1)):
        layer.columns, layer.rows, layer.gone = columns, 0, 0
        _add_rows(step, layer, below, rows)
        return True
    if difference:
        sums, first, last = _given(layer.sums), *sorted((layer.columns, columns))
        layer.columns, layer.rows, layer.gone = columns, min(layer.rows, rows), gone
        own = below[:, first:last].flatten(1)
        each = step.columns_per_neuron
        sums[:, :layer.rows].addmm_(own, step.weight[first * each:last * each, :layer.rows], alpha=1 if difference > 0 else -1)
        layer.passed_on[:, :layer.rows] = step.responses(sums[:, :layer.rows])
    if rows > layer.rows:
        _add_rows(step, layer, below, rows)
    return bool(difference)


def _add_rows(step: _Step, layer: _Remembered, below: Tensor, rows: int) -> None:
    """Compute the neurons that are not up to date."""
    sums = step.fresh(below[:, :layer.columns], layer.rows, rows)
    found = step.responses(sums, layer.rows)
    if layer.passed_on is None:
        layer.passed_on = found.new_empty(len(found), step.rows, *found.shape[2:])
    layer.passed_on[:, layer.rows:rows] = found
    if step.window is None:
        if layer.sums is None:
            layer.sums = sums.new_empty(len(sums), step.rows)
        layer.sums[:, layer.rows:rows] = sums
    layer.rows = rows


def _given(values: Tensor | None) -> Tensor:
    assert values is not None, "layers are computed in order"
    return values


def _wrong_classes(labels: Tensor, logits: Tensor) -> Tensor:
    """Return a mask to add so that only wrong classes count: −∞ at the true class, 0 at the others: [samples, classes]."""
    return torch.zeros_like(logits).scatter_(1, labels[:, None], float("-inf"))


def _lead_of_truth(logits: Tensor, labels: Tensor, wrong: Tensor) -> Tensor:
    """Return the lead of the true class over the best wrong one: [samples]; NaN stays NaN."""
    return logits.gather(1, labels[:, None]).squeeze(1) - (logits + wrong).amax(dim=1)
