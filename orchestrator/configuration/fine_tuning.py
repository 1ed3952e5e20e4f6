"""Whether and how a pruned network is trained further before its commit (paper §2.2; §3.2, "CLNP + fine tuning")."""

from pydantic import Field

from orchestrator.config.numbers import Count
from orchestrator.config.sweep_section import Alpha, Rate, Section


class FineTuning(Section):
    """After the selection: train what survived the pruning, and perhaps prune and train again."""

    rounds: Count = Field(
        default=1,
        description="rounds of fine-tuning, a whole number of at least 1; from the second on each prunes again first")
    epochs: Count = Field(default=20, description="passes over the training data in each round, a whole number of at least 1")
    learning_rate: Rate = Field(default=1e-4, description="the constant learning rate of fine-tuning, a number above 0")
    alpha: Alpha = Field(
        default=5e-5,
        description="L1 strength of fine-tuning, one number of at least 0, or a list with one per hidden layer and one for the "
                    "output")
