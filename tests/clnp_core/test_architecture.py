"""The description of a network."""

import json

import pytest

from clnp_core.architecture import Activation, Architecture, HeadKind
from clnp_core.errors import ConfigError
from clnp_core.network import empty_network


def test_sizes_are_read_off_the_chain() -> None:
    chain = Architecture(784, (20, 30), 10)
    assert (chain.depth, chain.hidden_total) == (2, 50)
    assert [chain.fan_in(layer) for layer in range(3)] == [784, 20, 30]


@pytest.mark.parametrize("bias", [False, True])
def test_the_parameter_count_is_that_of_the_tensors(bias: bool) -> None:
    chain = Architecture(7, (5, 4, 3), 2, head=HeadKind.MULTI, head_bias=bias)
    tensors = empty_network(chain).to_tensors()
    hidden = sum(t.numel() for name, t in tensors.items() if not name.endswith("activated_by"))
    assert chain.parameter_count() == hidden + 2 * 3 + (2 if bias else 0)


@pytest.mark.parametrize("activation", list(Activation))
@pytest.mark.parametrize("head", list(HeadKind))
def test_a_description_survives_json(activation: Activation, head: HeadKind) -> None:
    chain = Architecture(3, (4, 5), 6, activation, head, head is HeadKind.MULTI)
    again = Architecture.from_json(json.loads(json.dumps(chain.to_json())))
    assert again == chain
    assert isinstance(again.activation, Activation) and isinstance(again.head, HeadKind)
    assert hash(again) == hash(chain)


def test_other_widths_change_nothing_else() -> None:
    chain = Architecture(3, (4, 5), 6, Activation.TANH, HeadKind.MULTI, True)
    wider = chain.with_hidden([7, 8])
    assert wider == Architecture(3, (7, 8), 6, Activation.TANH, HeadKind.MULTI, True)
    assert isinstance(wider.hidden, tuple)


@pytest.mark.parametrize(("inputs", "hidden", "classes"), [(0, (4,), 2), (3, (), 2), (3, (4, 0), 2), (3, (4,), 0)])
def test_an_impossible_network_is_refused_in_words(inputs: int, hidden: tuple[int, ...], classes: int) -> None:
    with pytest.raises(ConfigError) as refused:
        Architecture(inputs, hidden, classes)
    assert refused.value.message == (f"a network of {inputs} inputs, hidden widths {list(hidden)} and {classes} classes "
                                     "is impossible")
    assert refused.value.hint == "inputs, classes and every width must be at least 1, with one hidden layer or more"


def test_a_single_head_with_a_bias_is_refused() -> None:
    with pytest.raises(ConfigError) as refused:
        Architecture(3, (4,), 2, head=HeadKind.SINGLE, head_bias=True)
    assert refused.value.message == "a single head cannot have a bias: all tasks would share it and forget"
    assert refused.value.hint == "set head_bias to false, or use a multi-head network"
    assert Architecture(3, (4,), 2, head=HeadKind.MULTI, head_bias=True).head_bias
