"""Trials of a convolutional network on images, for the tests of trainings."""

import dataclasses

from clnp_core.architecture import HeadKind, Layer, Window
from clnp_core.networks import Chain
from workers.spec import BenchmarkSpec, TrialSpec

IMAGES = BenchmarkSpec("split-digits", 0, {}, None, "unit")
DROPPING = Chain((Layer(6, Window(3, 1, 1), batch_norm=True, dropout=0.2), Layer(7, Window(3, 2, 1), batch_norm=True),
                  Layer(16, batch_norm=True, dropout=0.3)))


def images(spec: TrialSpec, head: HeadKind) -> TrialSpec:
    """The same trial of a convolutional network with BatchNorm and dropout, on images."""
    architecture = DROPPING.architecture((1, 8, 8), 2, head, head_bias=head is HeadKind.MULTI)
    stage = dataclasses.replace(spec.stage, benchmark=IMAGES, architecture=architecture)
    return dataclasses.replace(spec, stage=stage, alpha=(1e-4,) * 4)
