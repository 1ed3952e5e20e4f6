"""A fast, one-sided test for pruned networks: it may reject a candidate for certain, never accept one.

Thousands of pruned networks differ from one another by a neuron or two. The first hidden layer's activations do not depend
on the pruning at all, and what the layer above receives from them changes by a few columns from one candidate to the next. So
each block of validation samples keeps that sum and updates it. The samples most likely to fail stand in the first block, and a
candidate is rejected the moment its certain errors exceed the budget: most cost one block.

Incremental sums round differently from the canonical evaluation. A sample therefore counts as a *certain* error only when a
wrong class leads by more than ``RELATIVE_TOLERANCE`` of the logits' scale, many times the rounding. What is not
rejected here is decided by the canonical evaluation (:mod:`clnp_core.threshold`).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from clnp_core.evaluation import count_correct, exact_float32
from clnp_core.heads import columns_read
from clnp_core.network import Network, activate

RELATIVE_TOLERANCE = 1e-4
"""A wrong class must lead by this share of the scale (:meth:`_Layers.unpruned`) before a sample counts as a certain error."""

REBUILD_SHARE = 0.25
"""Above this share of changed columns a block's sum is computed afresh, which also stops rounding from piling up."""


class Screen:
    """Candidates of one unpruned network, tested on one validation set."""

    def __init__(self, network: Network, task: int, inputs: Tensor, labels: Tensor, allowed_wrong: int) -> None:
        """Cache what no pruning can change.

        Args:
            network: unpruned; the neurons of ``task`` are the candidates.
            task: counted from 1.
            inputs: float [samples, inputs].
            labels: int64 [samples].
            allowed_wrong: the error budget; more errors than this reject a candidate.
        """
        self._layers = _Layers(network, task)
        self._allowed_wrong = allowed_wrong
        with torch.no_grad(), exact_float32():
            first = self._layers.first(inputs.to(torch.float32))
            logits, scale = self._layers.unpruned(first)
            hardest_first = _lead_of_truth(logits, labels).argsort(stable=True)
            self._tolerance = RELATIVE_TOLERANCE * scale
            size = max(256, 2 * allowed_wrong)
            self._blocks = [_Block(self._layers, first[index], labels[index]) for index in torch.split(hardest_first, size)]

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
    def count_correct(self, kept: Sequence[Tensor]) -> int:
        """Correct samples under incremental sums: for curves, where one sample more or less decides nothing."""
        with exact_float32():
            return sum(count_correct(block.logits(kept), block.labels) for block in self._blocks)


class _Layers:
    """The network's weights in the order in which a block needs them."""

    def __init__(self, network: Network, task: int) -> None:
        self._architecture = network.architecture
        self._first = network.hidden[0]
        head = network.head(task)
        readable = columns_read(network.architecture, network.activated_by[-1], task).to(head.weight.dtype)
        bias = head.weight.new_zeros(len(head.weight)) if head.bias is None else head.bias
        stack = [(rows.weight, rows.bias) for rows in network.hidden[1:]] + [(head.weight * readable, bias)]
        second, second_bias = stack[0]
        self.second_columns = second.t().contiguous()  # [width of layer 1, neurons above]: a neuron's column is one row
        self.second_bias = second_bias
        self._above = stack[1:]

    def first(self, inputs: Tensor) -> Tensor:
        """Activations of the first hidden layer, unpruned: [samples, width]."""
        return activate(torch.nn.functional.linear(inputs, self._first.weight, self._first.bias),
                        self._architecture.activation)

    def unpruned(self, first: Tensor) -> tuple[Tensor, float]:
        """Logits with everything kept, and the scale of what any pruned network may add up to them.

        The scale is the largest |logit|, or the largest root of the sum of squares of its terms where they cancel: rounding
        follows the terms, and a pruned network may lack the very neurons that cancelled the others.

        Returns:
            float [samples, classes], and the scale (NaN or infinite with the network).
        """
        values, squares = first, first.square()
        for layer, (weight, bias) in enumerate([(self.second_columns.t(), self.second_bias), *self._above]):
            if layer:
                values = activate(values, self._architecture.activation)
                squares = torch.maximum(squares, values.square())
            values = torch.nn.functional.linear(values, weight, bias)
            squares = torch.nn.functional.linear(squares, weight.square(), bias.square())
        return values, float(torch.maximum(values.abs(), squares.sqrt()).max())

    def rest(self, second: Tensor, kept: Sequence[Tensor]) -> Tensor:
        """Logits from the sums [samples, neurons] that arrive above the first hidden layer."""
        values = second
        for (weight, bias), stays in zip(self._above, kept[1:], strict=True):
            values = activate(values, self._architecture.activation)
            values = torch.nn.functional.linear(values * stays.to(values.dtype), weight, bias)
        return values


class _Block:
    """Some samples, and what the layer above the first receives under the columns kept last."""

    def __init__(self, layers: _Layers, first: Tensor, labels: Tensor) -> None:
        self.labels = labels
        self._layers = layers
        self._first = first
        self._sum: Tensor | None = None
        self._columns: Tensor | None = None

    def logits(self, kept: Sequence[Tensor]) -> Tensor:
        columns = kept[0]
        if self._sum is None or self._columns is None:
            self._sum = self._fresh(columns)
        else:
            added = torch.nonzero(columns & ~self._columns).flatten()
            removed = torch.nonzero(self._columns & ~columns).flatten()
            if len(added) + len(removed) > REBUILD_SHARE * len(columns):
                self._sum = self._fresh(columns)
            else:
                if len(added):
                    self._sum.addmm_(self._first[:, added], self._layers.second_columns[added])
                if len(removed):
                    self._sum.addmm_(self._first[:, removed], self._layers.second_columns[removed], alpha=-1)
        self._columns = columns
        return self._layers.rest(self._sum, kept)

    def _fresh(self, columns: Tensor) -> Tensor:
        index = torch.nonzero(columns).flatten()
        return torch.addmm(self._layers.second_bias, self._first[:, index], self._layers.second_columns[index])


def _lead_of_truth(logits: Tensor, labels: Tensor) -> Tensor:
    """How far the true class leads the best wrong one: logits [n, classes], labels [n] → [n]; NaN stays NaN."""
    truth = logits.gather(1, labels[:, None])
    wrong = logits.scatter(1, labels[:, None], float("-inf"))
    return truth.squeeze(1) - wrong.amax(dim=1)
