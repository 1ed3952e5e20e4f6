"""The sections of distillation (docs/distillation.md): the teachers of a stage, what fine-tuning learns from them in place of
the labels, and the search for the sparsest network that is within the margin after fine-tuning.
"""

import dataclasses
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Discriminator, Field, Tag, ValidationInfo, field_validator

from clnp_core.networks import Chain, dense_chain, scaled
from clnp_core.selection import Score
from orchestrator.config.choices import FineTuningSchedule, OptimizerKind
from orchestrator.config.errors import LIST, NUMBER, show
from orchestrator.config.network_section import NetworkSection
from orchestrator.config.numbers import MAX_COUNT, Count, Float, Integer, Share
from orchestrator.config.sweep_section import Rate, Rates, Section, list_or_number, refuse_repeats
from workers.methods import Method

DENSE_DROPOUT = 0.5
"""What a teacher of dense layers drops where the config says nothing else."""

MOMENTUM = 0.9
"""Of a teacher that trains by SGD."""


def _distinct(rates: tuple[float, ...]) -> tuple[float, ...]:
    refuse_repeats(rates)
    return rates


class Teachers(Section):
    """How the teachers of a task are trained: from scratch, without L1, on the task alone."""

    count: Count = Field(
        default=2, description="teachers of a task, a whole number of at least 1; as many are trained for each learning rate, "
                               "and the best of them teach")
    hidden: Annotated[tuple[Count, ...], Field(min_length=1)] | None = Field(
        default=None,
        description="neurons of each hidden layer of a teacher, a list of whole numbers of at least 1; null takes those of the "
                    "network")
    width_factor: Annotated[Float, Field(gt=0, le=100)] = Field(
        default=1.0, description="factor on every hidden width of the network, above 0 and at most 100")
    dropout: Annotated[Share, Field(ge=0)] | None = Field(
        default=None,
        description="share of what every hidden layer passes on that training drops, at least 0 and below 1; null is 0.5 for "
                    "network.hidden, and what each layer has of its own in another network")
    input_dropout: Annotated[Share, Field(ge=0)] = Field(
        default=0.2, description="share of the input values that training drops, at least 0 and below 1")
    epochs: Count = Field(default=25, description="passes over the training data, a whole number of at least 1")
    learning_rate: Annotated[Annotated[Rates, AfterValidator(_distinct), Tag(LIST)] | Annotated[Rate, Tag(NUMBER)],
                             Discriminator(list_or_number)] = Field(
        default=0.001, description="a number above 0, or a list of them to choose the best teachers from")
    optimizer: OptimizerKind = Field(default=OptimizerKind.ADAM, description="the optimizer; sgd has a momentum of 0.9")
    weight_decay: Annotated[Float, Field(ge=0)] = Field(default=0.0, description="L2 decay per step, a number of at least 0")
    batch_size: Count = Field(default=256, description="training samples per step, a whole number of at least 1")
    schedule: FineTuningSchedule = Field(
        default=FineTuningSchedule.COSINE,
        description="of the learning rate: cosine decreases it to 0 over all epochs, constant keeps it")
    early_stopping_patience: Count | None = Field(
        default=None,
        description="epochs without a better validation accuracy after which a teacher ends, at least 1; null for never")
    required: Annotated[bool, Field(strict=True)] = Field(
        default=False,
        description="true fails a task of which fewer than count teachers are at least as good as its best trial; false "
                    "continues without them")

    @field_validator("width_factor")
    @classmethod
    def _one_width(cls, factor: float, info: ValidationInfo) -> float:
        if factor != 1 and info.data.get("hidden") is not None:
            raise ValueError("cannot be used together with teachers.hidden\nkeep one of the two")
        return factor

    @property
    def rates(self) -> tuple[float, ...]:
        """The learning rates that are tried."""
        return self.learning_rate if isinstance(self.learning_rate, tuple) else (self.learning_rate,)

    @property
    def trained(self) -> int:
        """How many teachers a task trains."""
        return self.count * len(self.rates)

    @property
    def momentum(self) -> float:
        """Of the optimizer."""
        return MOMENTUM if self.optimizer.has_momentum else 0.0

    def chain(self, network: NetworkSection) -> Chain:
        """The network of a teacher, before its input, classes and head are decided.

        Args:
            network: the run's own.
        """
        chain = scaled(network.chain(), self.width_factor) if self.hidden is None else dense_chain(self.hidden,
                                                                                                 network.activation)
        dropout = DENSE_DROPOUT if self.dropout is None and network.hidden is not None else self.dropout
        if dropout is None:
            return chain
        return dataclasses.replace(chain, layers=tuple(dataclasses.replace(layer, dropout=dropout) for layer in chain.layers))

    def check_beside(self, method: Method | None, network: NetworkSection | None, anything_learns: bool) -> None:
        """Refuse what makes no sense beside the other sections.

        Args:
            method: of the run; None where it is wrong itself.
            network: the run's own; None where it is wrong itself.
            anything_learns: whether fine-tuning distils.

        Raises:
            ValueError: what is wrong, and how to fix it.
        """
        if method is not None and not method.divides_the_network:
            raise ValueError(f"cannot be used with method {method}, which fine-tunes nothing\nremove it")
        if network is not None and self.hidden is not None and network.hidden is None:
            raise ValueError("hidden cannot be used without network.hidden\n"
                             "give teachers.width_factor, which scales every layer of the network")
        if not anything_learns:
            raise ValueError("cannot be used without fine_tuning.distillation, and nothing would learn from them\n"
                             "remove it, or set fine_tuning.distillation to {}")


DEFAULT_COPIES = 3


class Distillation(Section):
    """Fine-tuning on the logits of teachers, for clean and for mixed inputs."""

    temperature: Annotated[Float, Field(gt=0)] = Field(
        default=2.0, description="T, by which the logits of teacher and student are divided, a number above 0")
    cross_entropy: Annotated[Share, Field(ge=0)] = Field(
        default=0.0, description="share of the cross-entropy with the labels in the loss, at least 0 and below 1")
    mixing: Annotated[Float, Field(ge=0, le=1)] = Field(
        default=0.5,
        description="largest λ of a mixed input (1 - λ)·x₁ + λ·x₂, from 0 to 1; 0 mixes nothing")
    copies: Count = Field(
        default=DEFAULT_COPIES,
        description="mixed copies of the training set beside the clean one, a whole number of at least 1")

    @field_validator("copies")
    @classmethod
    def _only_where_inputs_are_mixed(cls, copies: int, info: ValidationInfo) -> int:
        if copies != DEFAULT_COPIES and info.data.get("mixing") == 0:
            raise ValueError("cannot be used with mixing 0, which mixes nothing\nremove it, or set mixing above 0")
        return copies


Epochs = Annotated[Integer, Field(ge=0, le=MAX_COUNT)]


class SearchReference(StrEnum):
    """What the margin of a search is counted from."""

    TEACHERS = "teachers"
    TRIALS = "trials"


def _whole_from_one_on(step: float) -> float:
    if step >= 1 and not step.is_integer():
        raise ValueError(f"must be a whole number from 1 on, not {show(step)}\n"
                         f"use {int(step)} neurons, or a share below 1 of those that are left")
    return step


class SearchSection(Section):
    """Gradual cuts, each fine-tuned, down to the sparsest network within the margin."""

    reference: SearchReference | None = Field(
        default=None,
        description="what the margin is counted from: teachers, the best of them and of the trials, or trials; null takes "
                    "teachers where there are any")
    score: Score = Field(
        default=Score.TAYLOR,
        description="what neurons are ranked by for a cut, over all layers: activity, outgoing or taylor")
    step: Annotated[Float, Field(gt=0, le=MAX_COUNT), AfterValidator(_whole_from_one_on)] = Field(
        default=0.07,
        description="neurons that a cut removes, a whole number of at least 1, or below 1 the share of those that are left")
    epochs_per_cut: Count = Field(
        default=6, description="passes over the training data after each cut, a whole number of at least 1")
    extra_epochs: Epochs = Field(
        default=6,
        description="further passes of a candidate that misses the margin, a whole number of at least 0; 0 for none")
    patience: Epochs = Field(
        default=3, description="cuts that are tried beyond a miss, a whole number of at least 0")
    final_epochs: Epochs = Field(
        default=0, description="further passes of the chosen candidate, a whole number of at least 0; 0 for none")
