"""A fast test for pruned networks, which knows of most of them for certain whether they are within the error budget.

Thousands of pruned networks differ from one another by a neuron or two. Each is the beginning of one list of neurons for each
layer (:mod:`clnp_core.ranking`), so weights lie in the order of these lists, and only rows and columns up to the last neuron
kept are ever touched. Each block of validation samples remembers, layer by layer, what was passed on last, and only what a
change can reach is computed afresh; where a dense layer reads a few neurons more or fewer, and nothing changed below, their
columns alone are added to its sums or taken away. The samples most likely to fail stand in the first block, and a candidate is
rejected the moment its certain errors exceed the budget: most cost one block.

Incremental sums round differently from the canonical evaluation. A sample therefore counts as *certain* only when a class
leads by more than ``RELATIVE_TOLERANCE`` of the logits' scale, many times the rounding. Of the others the canonical evaluation
decides (:mod:`clnp_core.threshold`).
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
from clnp_core.ranking import Lengths, Ranking

RELATIVE_TOLERANCE = 5e-5
"""A class must lead by this share of the scale (:meth:`_Stack.leads_and_scale`) before a sample is certain."""

REBUILD_SHARE = 0.25
"""When neurons of this share have gone from a layer's sums, they are computed afresh: what went leaves its rounding behind."""

BLOCK_BYTES = 2**27
"""About what a block may remember; where a sample's activations are large, blocks have fewer samples."""

MEMORY_BYTES = 2**30
"""About what all blocks may remember; those beyond forget, and are computed from the inputs whenever they are needed."""

CURVE_BLOCK = 1000
"""Samples of a block, at most, where all are counted."""


class Screen:
    """Candidates of one unpruned network, tested on one validation set."""

    def __init__(self, network: Network, task: int, ranking: Ranking, inputs: Tensor, labels: Tensor,
                 allowed_wrong: int, longest: Lengths) -> None:
        """Order the samples, hardest first, and find the scale of their logits.

        Args:
            network: unpruned; the neurons of ``task`` are the candidates.
            task: counted from 1.
            ranking: of its neurons.
            inputs: float [samples, *input shape].
            labels: int64 [samples].
            allowed_wrong: the error budget; more errors than this reject a candidate.
            longest: no candidate keeps more than this of any layer; nothing beyond is ever looked at.
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
        """What is certain of a pruned network, as far as the budget asks.

        To be called under ``torch.no_grad()`` and :func:`clnp_core.evaluation.exact_float32`, which cost as much as the rest.
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
    """Samples that are certainly wrong, those that are certainly right, and int64 [n], the others; None where the errors exceed
    the budget, which ended the count."""

    wrong: int
    right: int
    uncertain: Tensor | None


@torch.no_grad()
def counts_correct(network: Network, task: int, ranking: Ranking, inputs: Tensor, labels: Tensor,
                   candidates: Sequence[Lengths]) -> list[int]:
    """Correct samples of every candidate under incremental sums: for curves, where one sample more or less decides nothing.

    Cheap where neighbours in ``candidates`` differ by few neurons. Arguments as for :class:`Screen`.
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
    """One layer of the longest candidate, or its output: what weighs, and what follows. Neurons are in the ranking's order."""

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
        """Neurons of the layer, or classes."""
        return self.weight.shape[1 if self.window is None else 0]

    def responses(self, sums: Tensor, first: int = 0) -> Tensor:
        """What rows from the first on pass on; or the logits."""
        if self.activation is None:
            return sums if self.window is None else sums.mean(dim=(2, 3))
        last = first + sums.shape[1]
        vectors = {name: values[first:last] for name, values in self.vectors.items()}
        return pooled(self.pool, activate(normalise(sums, vectors), self.activation))

    def fresh(self, values: Tensor, first: int, last: int) -> Tensor:
        """The sums of a slice of rows over all the columns that ``values`` has, the bias included."""
        bias = None if self.bias is None else self.bias[first:last]
        if self.window is not None:
            return weigh(self.window, values, self.weight[first:last, :values.shape[1]], bias)
        values = values.flatten(1)
        weight = self.weight[:values.shape[1], first:last]
        return values @ weight if bias is None else torch.addmm(bias, values, weight)

    def squared(self, squares: Tensor) -> Tensor:
        """The sums of squared terms."""
        bias = None if self.bias is None else self.bias.square()
        weight = (self.weight.t() if self.window is None else self.weight).square()
        return weigh(self.window, squares, weight, bias)


class _Stack:
    """The longest candidate as steps, its output reading only what the task may read."""

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
        """Float32 bytes that a block remembers of one sample [1, *input shape]."""
        values, count = sample.to(torch.float32), sample.numel()
        with torch.no_grad():
            for step in self.steps:
                sums = step.fresh(values, 0, step.rows)
                values = step.responses(sums)
                count += values.numel() + (sums.numel() if step.window is None else 0)
        return 4 * count

    def leads_and_scale(self, inputs: Tensor, labels: Tensor, batch_size: int) -> tuple[Tensor, float]:
        """How far the truth leads in every sample under the longest candidate, and the scale of what a shorter may add up.

        The scale bounds the largest |logit|, and the root of the sum of squares of its terms where they cancel: rounding
        follows the terms, and a pruned network may lack the very neurons that cancelled the others. It is that of a sample in
        which every activation is as large as in any.

        Returns:
            float [samples], and the scale (NaN or infinite with the network).
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
    """Of one layer and one block: what it passed on last.

    Attributes:
        passed_on: of the layer's neurons, those beyond ``rows`` unset: [samples, neurons, …].
        sums: the same before the nonlinearity, of dense layers.
        columns: neurons below that the sums are made of.
        rows: neurons, from the first, that are up to date.
        gone: neurons below that were taken away since the sums were last made afresh.
    """

    def __init__(self) -> None:
        self.passed_on: Tensor | None = None
        self.sums: Tensor | None = None
        self.columns = self.rows = self.gone = 0


class _Block:
    """Some samples, and per layer what it passes on under the neurons kept last; of dense layers the sums as well."""

    def __init__(self, stack: _Stack, inputs: Tensor, labels: Tensor, samples: Tensor, remembers: bool) -> None:
        self.samples, self.labels = samples, labels[samples]
        self._steps, self._inputs, self._remembers = stack.steps, laid_out(inputs[samples].to(torch.float32)), remembers
        self._layers = [_Remembered() for _ in stack.steps]
        self._wrong: Tensor | None = None

    def leads(self, lengths: Lengths) -> Tensor:
        """How far the true class leads the best wrong one: [samples]."""
        found = self.logits(lengths)
        if self._wrong is None:
            self._wrong = _wrong_classes(self.labels, found)
        return _lead_of_truth(found, self.labels, self._wrong)

    def logits(self, lengths: Lengths) -> Tensor:
        """Of the network that keeps so many neurons of every layer: [samples, classes]."""
        below, changed = self._inputs, False  # changed: what the layer below passed on before is not what it passes on now
        reads, rows_of_layers = (self._inputs.shape[1], *lengths), (*lengths, self._steps[-1].rows)
        for step, layer, columns, rows in zip(self._steps, self._layers, reads, rows_of_layers, strict=True):
            changed = _advance(step, layer, below, columns, rows, changed)
            below = _given(layer.passed_on)
        if not self._remembers:
            self._layers = [_Remembered() for _ in self._steps]
        return below


def _advance(step: _Step, layer: _Remembered, below: Tensor, columns: int, rows: int, changed_below: bool) -> bool:
    """Bring a layer to so many neurons below and of its own; returns whether what it passed on before is another now."""
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
    """Compute the neurons from the first that is not up to date on."""
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
    """What to add so that only wrong classes count: −∞ at the true class, 0 at the others: [samples, classes]."""
    return torch.zeros_like(logits).scatter_(1, labels[:, None], float("-inf"))


def _lead_of_truth(logits: Tensor, labels: Tensor, wrong: Tensor) -> Tensor:
    """How far the true class leads the best wrong one: [samples]; NaN stays NaN."""
    return logits.gather(1, labels[:, None]).squeeze(1) - (logits + wrong).amax(dim=1)
