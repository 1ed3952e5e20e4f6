"""Whatever torch lets one change about a module is refused by name and place, or changes nothing that is computed or learnt."""

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize, prune

from clnp_core.architecture import Layer, Window
from clnp_core.errors import ConfigError
from clnp_core.from_torch import read_chain
from clnp_core.networks import Chain
from tests.messages import naming, tells

CHAIN = Chain((Layer(4, Window(3, 1, 1), True), Layer(6), Layer(6, None, False, dropout=0.5)))


class Net(nn.Sequential):
    """Every kind of module that a chain knows, each under a name."""

    def __init__(self) -> None:
        super().__init__()
        for name, module in {"conv": nn.Conv2d(1, 4, 3, padding=1), "norm": nn.BatchNorm2d(4), "relu": nn.ReLU(),
                             "nothing": nn.Identity(), "flatten": nn.Flatten(), "one": nn.Linear(64, 6), "relu_2": nn.ReLU(),
                             "block": nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Dropout(0.5)),
                             "out": nn.Linear(6, 2)}.items():
            self.add_module(name, module)


def change(module: nn.Module, name: str, value: Any) -> None:
    setattr(module, name, value)


def parameter(*shape: int, **options: Any) -> nn.Parameter:
    return nn.Parameter(torch.zeros(*shape, **options))


def as_buffer(module: Any) -> None:
    weight = module.weight.detach()
    del module.weight
    module.register_buffer("weight", weight)


def as_attribute(module: Any) -> None:
    weight = module.weight.detach()
    del module.weight
    module.weight = weight


def replace_class(module: Any) -> None:
    module.__class__ = type("Linear", (nn.Linear,), {"forward": lambda self, values: values})


def halve(module: nn.Module) -> None:
    module.half()


class Sub(Tensor):
    pass


def sub(module: Any) -> None:
    module.weight = nn.Parameter(module.weight.detach().as_subclass(Sub))


def old(function: Callable[[nn.Module], object]) -> Callable[[nn.Module], None]:
    """A utility that torch calls deprecated."""
    def apply(module: nn.Module) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            function(module)
    return apply


HOOKS = "has hooks, which change what it computes or learns"

REFUSED: list[tuple[str, Callable[[Any], object], str]] = [
    # hooks, on layers, on what computes nothing, and on what holds them
    *[(name, register, HOOKS) for name in ("one", "conv", "relu", "nothing", "flatten", "block", "out", "")
      for register in (lambda m: m.register_forward_hook(lambda *_: None),
                       lambda m: m.register_forward_pre_hook(lambda *_: None))],
    ("one", lambda m: m.register_full_backward_hook(lambda *_: None), HOOKS),
    ("one", lambda m: m.register_full_backward_pre_hook(lambda *_: None), HOOKS),
    ("block", lambda m: m.register_full_backward_hook(lambda *_: None), HOOKS),
    ("one", lambda m: m.register_forward_hook(lambda *_: None, always_call=True), HOOKS),
    ("one", lambda m: m.weight.register_hook(lambda g: g), "has a weight with hooks, which change what it learns"),
    ("norm", lambda m: m.bias.register_post_accumulate_grad_hook(lambda p: None), "has a bias with hooks, which"),
    # parametrizations and normalisations of weights, new and old; pruning
    ("one", parametrizations.weight_norm, "cannot be a layer of a chain"),
    ("one", parametrizations.spectral_norm, "cannot be a layer of a chain"),
    ("one", parametrizations.orthogonal, "cannot be a layer of a chain"),
    ("block", lambda m: parametrize.register_parametrization(change(m, "scale", parameter(2)) or m, "scale", nn.Identity()),
     "has a parametrization"),
    ("one", old(nn.utils.weight_norm), HOOKS),
    ("one", old(nn.utils.spectral_norm), HOOKS),
    ("one", lambda m: prune.l1_unstructured(m, "weight", 0.5), HOOKS),
    ("conv", lambda m: prune.ln_structured(m, "weight", 0.5, 2, 0), HOOKS),
    # methods
    ("one", lambda m: change(m, "forward", lambda values: values), "has a replaced forward"),
    ("conv", lambda m: change(m, "_conv_forward", lambda *_: None), "has a replaced _conv_forward"),
    ("nothing", lambda m: change(m, "forward", torch.sin), "has a replaced forward"),
    ("block", lambda m: change(m, "forward", torch.sin), "has a replaced forward"),
    ("", lambda m: change(m, "forward", torch.sin), "has a replaced forward"),
    ("one", replace_class, "cannot be a layer of a chain"),
    # frozen
    ("one", lambda m: m.requires_grad_(False), "has a weight with requires_grad=False"),
    ("out", lambda m: m.bias.requires_grad_(False), "has a bias with requires_grad=False"),
    ("norm", lambda m: m.weight.requires_grad_(False), "has a weight with requires_grad=False"),
    ("block", lambda m: m.requires_grad_(False), "module block.0 (Linear) has a weight with requires_grad=False"),
    # dtypes, layouts, subclasses
    *[("one", lambda m, d=dtype: m.to(d), f"has a weight in {dtype}")
      for dtype in (torch.float64, torch.float16, torch.bfloat16, torch.complex64)],
    ("norm", halve, "has a weight in torch.float16"),
    ("norm", lambda m: change(m, "running_var", m.running_var.double()), "has a running_var in torch.float64"),
    ("one", lambda m: change(m, "weight", nn.Parameter(torch.zeros(6, 64, dtype=torch.int8), requires_grad=False)),
     "has a weight in torch.int8"),
    ("one", lambda m: change(m, "weight", nn.Parameter(m.weight.detach().to_sparse())), "has a weight with the layout torch"),
    ("one", sub, "has a weight that is a Sub"),
    # tensors that are gone, of other shapes, or not its own
    ("one", lambda m: delattr(m, "weight"), "has no parameter 'weight'"),
    ("one", lambda m: delattr(m, "bias"), "has no parameter 'bias'"),
    ("one", lambda m: change(m, "weight", None), "has no parameter 'weight'"),
    ("one", as_attribute, "has no parameter 'weight'"),
    ("one", as_buffer, "has a buffer 'weight', which a Linear does not have"),
    ("norm", lambda m: change(m, "weight", None), "has no parameter 'weight'"),
    ("norm", lambda m: change(m, "running_mean", None), "has no buffer 'running_mean'"),
    ("norm", lambda m: delattr(m, "running_var"), "has no buffer 'running_var'"),
    ("one", lambda m: change(m, "weight", parameter(6, 63)), "has a weight of shape [6, 63], but its options give [6, 64]"),
    ("one", lambda m: change(m, "out_features", 7), "has a weight of shape [6, 64], but its options give [7, 64]"),
    ("one", lambda m: change(m, "bias", parameter(1)), "has a bias of shape [1], but its options give [6]"),
    ("conv", lambda m: change(m, "kernel_size", (5, 5)), "has a weight of shape [4, 1, 3, 3], but its options give [4, 1, 5,"),
    ("norm", lambda m: change(m, "running_mean", torch.zeros(1)), "has a running_mean of shape [1], but its options give [4]"),
    ("one", lambda m: m.register_parameter("scale", parameter(1)), "has a parameter 'scale', which a Linear does not have"),
    ("relu", lambda m: m.register_parameter("slope", parameter(1)), "has a parameter 'slope', which a ReLU does not have"),
    ("one", lambda m: m.register_buffer("mask", torch.zeros(1)), "has a buffer 'mask', which a Linear does not have"),
    ("block", lambda m: m.register_buffer("mask", torch.zeros(1)), "has a buffer 'mask', which a Sequential does not have"),
    ("", lambda m: m.register_parameter("scale", parameter(1)), "has a parameter 'scale', which a Net does not have"),
    ("one", lambda m: m.add_module("lora", nn.Linear(64, 6)), "has a module 'lora', which a Linear does not have"),
    ("block", lambda m: m.add_module("nothing", None), "is None, which computes nothing"),
    # modes
    ("block.2", lambda m: m.eval(), "is in evaluation mode, but the whole network is not"),
    ("norm", lambda m: m.eval(), "is in evaluation mode, but the whole network is not"),
    # quantised and lazy ones
    ("one", lambda m: change(m, "weight", nn.Parameter(
        torch.quantize_per_tensor(m.weight.detach(), 0.1, 0, torch.qint8), requires_grad=False)),
     "has a weight in torch.qint8"),
]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize(("place", "apply", "words"), REFUSED, ids=[f"{place}: {words}" for place, _, words in REFUSED])
def test_a_change_is_refused_by_name_and_place(place: str, apply: Callable[[Any], object], words: str) -> None:
    network = Net()
    apply(network.get_submodule(place))
    with pytest.raises(ConfigError) as refused:
        read_chain(network)
    message, hint = refused.value.message, refused.value.hint
    assert message.startswith(f"module {place}" if place else "the Sequential") and words in message
    assert "\n" not in message and hint and "\n" not in hint


def tie(network: Any) -> None:
    network.out.weight = nn.Parameter(torch.zeros(6, 6))
    network.out.out_features, network.out.bias = 6, None
    network.out.weight = network.block[0].weight


def tie_data(network: Any) -> None:
    network.block[0].bias.data = network.one.bias.data


def tie_transposed(network: Any) -> None:
    network.block[0].weight.data = torch.zeros(6, 6)
    network.out.weight = nn.Parameter(network.block[0].weight.detach().t())
    network.out.out_features, network.out.bias = 6, None


def tie_part(network: Any) -> None:
    network.out.weight.data = network.block[0].weight.data[2:4]


def tie_numpy(network: Any) -> None:
    values = torch.zeros(6).numpy()
    network.one.bias.data, network.block[0].bias.data = torch.from_numpy(values), torch.from_numpy(values)


def tie_statistics(network: Any) -> None:
    network.norm.running_var = network.norm.running_mean


def tie_without_values(network: Any) -> None:
    network.to_empty(device="meta")
    network.block[0].bias.data = network.one.bias.data


@pytest.mark.parametrize(("apply", "words"), [
    (tie, ("module out (Linear)", "module block.0 (Linear)")),
    (tie_data, ("module block.0 (Linear)", "module one (Linear)")),
    (tie_transposed, ("module out (Linear)", "module block.0 (Linear)")),
    (tie_part, ("module out (Linear)", "module block.0 (Linear)")),
    (tie_numpy, ("module block.0 (Linear)", "module one (Linear)")),
    (tie_statistics, ("module norm (BatchNorm2d)", "running_var", "running_mean")),
    (tie_without_values, ("module block.0 (Linear)", "module one (Linear)")),
    (lambda n: setattr(n.one, "weight", nn.Parameter(torch.zeros(1, 64).expand(6, 64))),
     ("module one (Linear)",)),
])
def test_tied_weights_are_refused(apply: Callable[[Any], None], words: tuple[str, ...]) -> None:
    network = Net()
    apply(network)
    with pytest.raises(ConfigError) as refused:
        read_chain(network)
    assert tells(refused.value, *words)


def one_vector(network: nn.Module) -> None:
    """All parameters next to each other in one piece of memory, each in a place of its own."""
    together = nn.utils.parameters_to_vector(network.parameters())
    nn.utils.vector_to_parameters(together.detach(), network.parameters())


def pruned_for_good(network: Any) -> None:
    prune.l1_unstructured(network.one, "weight", 0.5)
    prune.remove(network.one, "weight")


def after_a_step(network: Any) -> None:
    network(torch.rand(3, 1, 4, 4)).sum().backward()
    torch.optim.SGD(network.parameters(), 0.1).step()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("apply", [
    one_vector, pruned_for_good, after_a_step,
    lambda n: n.eval(), lambda n: n.to("meta"), lambda n: n.to(memory_format=torch.channels_last), lambda n: n.share_memory(),
    lambda n: n.compile(), lambda n: n.one.register_state_dict_post_hook(lambda *_: None),
    lambda n: n.one.register_load_state_dict_post_hook(lambda *_: None), lambda n: n.zero_grad(),
    lambda n: nn.init.zeros_(n.one.weight), lambda n: setattr(n.out, "bias", None), lambda n: setattr(n, "about", "a note"),
    lambda n: n.one.register_buffer("gone", None), lambda n: n.to_empty(device="cpu"),
])
def test_what_changes_nothing_that_is_learnt_is_accepted(apply: Callable[[Any], object]) -> None:
    network = Net()
    apply(network)
    assert read_chain(network) == CHAIN


class Reversed(nn.Sequential):
    def __iter__(self) -> Any:
        return reversed(list(super().__iter__()))


class Doubled(nn.Sequential):
    def __call__(self, values: Tensor) -> Any:
        return 2 * super().__call__(values)


@pytest.mark.parametrize("register", [
    nn.modules.module.register_module_forward_hook, nn.modules.module.register_module_forward_pre_hook,
    nn.modules.module.register_module_full_backward_hook, nn.modules.module.register_module_full_backward_pre_hook])
def test_hooks_of_all_modules_are_refused(register: Callable[[Any], Any]) -> None:
    handle = register(lambda *_: None)
    try:
        with pytest.raises(ConfigError):
            read_chain(Net())
    finally:
        handle.remove()
    assert read_chain(Net()) == CHAIN


@pytest.mark.parametrize("kind", [Reversed, Doubled])
def test_a_subclass_that_computes_otherwise_is_no_sequential(kind: type[nn.Sequential]) -> None:
    with pytest.raises(ConfigError, match=naming(kind.__name__, "torch.nn.Sequential")):
        read_chain(kind(*Net()))
    with pytest.raises(ConfigError, match=naming("module 1", kind.__name__)):
        read_chain(nn.Sequential(nn.Flatten(), kind(nn.Linear(64, 6), nn.ReLU()), nn.Linear(6, 2)))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize(("make", "what", "hint"), [
    (lambda n: torch.compile(n), ("OptimizedModule", "torch.nn.Sequential"), ()),
    (lambda n: torch.jit.script(n), ("RecursiveScriptModule", "torch.nn.Sequential"), ()),
    (lambda n: torch.fx.symbolic_trace(n), ("torch.nn.Sequential",), ("Sequential",)),
    (lambda n: nn.Sequential(nn.LazyLinear(5), nn.ReLU(), nn.LazyLinear(2)), ("module 0 (LazyLinear)",), ()),
    (lambda n: nn.Sequential(nn.Flatten(), torch.ao.nn.quantized.dynamic.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)),
     ("module 1 (Linear)",), ()),
])
def test_other_kinds_of_modules_have_hints_of_their_own(make: Callable[[nn.Module], nn.Module], what: tuple[str, ...],
                                                         hint: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as refused:
        read_chain(make(Net()))
    assert tells(refused.value, *what, *hint)


def test_a_lazy_network_that_has_seen_a_sample_is_read() -> None:
    network = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))
    network(torch.rand(3, 1, 4, 4))
    assert read_chain(network) == Chain((Layer(4, Window(3, 1, 0), True),))
