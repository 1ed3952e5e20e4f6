"""A pack's step as CUDA graphs: hundreds of kernels that the processor launches as one."""

import torch
from torch import Tensor

from workers.packs.pack import Dropout, Pack


class GraphedPack:
    """A pack on a GPU, with the same step. A graph is recorded for every length of a batch (an epoch's last one is shorter)."""

    def __init__(self, pack: Pack) -> None:
        self._pack, self._memory = pack, torch.cuda.graph_pool_handle()  # which graphs share: they never run side by side
        self._recorded: dict[int, tuple[torch.cuda.CUDAGraph, Tensor, Dropout]] = {}

    def step(self, batch: Tensor, dropout: Dropout) -> None:
        """As :meth:`workers.packs.pack.Pack.step`."""
        samples = batch.shape[1]
        if samples not in self._recorded:
            self._recorded[samples] = self._record(batch, dropout)
        graph, own_batch, own_dropout = self._recorded[samples]
        own_batch.copy_(batch)
        for own_layer, layer in zip(own_dropout, dropout, strict=True):
            for own, factors in zip(own_layer, layer, strict=True):
                own.copy_(factors)
        graph.replay()

    def _record(self, batch: Tensor, dropout: Dropout) -> tuple[torch.cuda.CUDAGraph, Tensor, Dropout]:
        """A graph, and the tensors that it reads; recording computes nothing."""
        own_batch, own_dropout = batch.clone(), [tuple(factors.clone() for factors in layer) for layer in dropout]
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):  # what is prepared at first use must not be recorded
            self._pack.rehearse(own_batch, own_dropout)
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._memory):
            self._pack.step(own_batch, own_dropout)
        return graph, own_batch, own_dropout
