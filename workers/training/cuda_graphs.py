"""Record the step of a training as CUDA graphs: hundreds of kernels that the processor launches as one."""

import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Dropout = Sequence[tuple[Tensor, ...]]
"""Factors for a batch, of its inputs and by hidden layer (:meth:`clnp_core.partition.FreeNetwork.draw_dropout`)."""

Step = Callable[[Tensor, Dropout], None]
"""One step of a training, given the indices of its samples, int64 [n] or [members, n], and its dropout."""

WITHOUT_A_GRAPH = 3
"""Steps without a graph, in which everything is initialised that a graph must not record."""


class Graphs:
    """A step that is recorded once for every length of a batch (the last one of an epoch is shorter), and then launched as a
    whole.

    It has the same effects as the step itself, which must not read values of tensors, and may change tensors only in place.
    """

    def __init__(self, step: Step, rehearse: Step | None = None) -> None:
        """Prepare without recording anything.

        Args:
            step: the step to record.
            rehearse: does the work of some steps without side effects. None: the first three steps of every length run without
                a graph.
        """
        self._step, self._rehearse = step, rehearse
        self._memory = torch.cuda.graph_pool_handle()  # shared by the graphs, which never run concurrently
        self._aside = torch.cuda.Stream()
        self._taken: dict[int, int] = {}
        self._recorded: dict[int, tuple[torch.cuda.CUDAGraph, Tensor, Dropout]] = {}

    def __call__(self, batch: Tensor, dropout: Dropout) -> None:
        """Run the step."""
        samples = batch.shape[-1]
        if samples not in self._recorded:
            if self._rehearse is None and self._taken.get(samples, 0) < WITHOUT_A_GRAPH:
                self._taken[samples] = self._taken.get(samples, 0) + 1
                self._beside(self._step, batch, dropout)
                return
            self._recorded[samples] = self._record(batch, dropout)
        graph, own_batch, own_dropout = self._recorded[samples]
        own_batch.copy_(batch)
        for own_layer, layer in zip(own_dropout, dropout, strict=True):
            for own, factors in zip(own_layer, layer, strict=True):
                own.copy_(factors)
        graph.replay()

    def _record(self, batch: Tensor, dropout: Dropout) -> tuple[torch.cuda.CUDAGraph, Tensor, Dropout]:
        """Return a graph and the tensors that it reads; recording computes nothing."""
        own_batch, own_dropout = batch.clone(), [tuple(factors.clone() for factors in layer) for layer in dropout]
        if self._rehearse is not None:
            self._beside(self._rehearse, own_batch, own_dropout)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._memory):
            self._step(own_batch, own_dropout)
        return graph, own_batch, own_dropout

    def _beside(self, step: Step, batch: Tensor, dropout: Dropout) -> None:
        """Run a step on another stream than the current one, as torch requires before recording."""
        self._aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._aside), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch recommends to use such an optimizer only in a graph
            step(batch, dropout)
        torch.cuda.current_stream().wait_stream(self._aside)
