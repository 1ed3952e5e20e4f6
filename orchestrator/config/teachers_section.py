"""The teachers of a stage: networks of their own for the task, from whose logits fine-tuning learns (docs/distillation.md)."""

import dataclasses
from typing import Annotated

from pydantic import AfterValidator, Discriminator, Field, Tag, ValidationInfo, field_validator

from clnp_core.networks import Chain, dense_chain, scaled
from orchestrator.config.choices import FineTuningSchedule, OptimizerKind
from orchestrator.config.errors import LIST, NUMBER
from orchestrator.config.network_section import NetworkSection
from orchestrator.config.numbers import Count, Float, Share
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
