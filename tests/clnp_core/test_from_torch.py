"""A Sequential is read as the chain that it is, or refused by name and place."""

from collections import OrderedDict

import pytest
import torch
from torch import Tensor, nn

from clnp_core.architecture import Activation, Architecture, HeadKind, Layer, Pool, PoolKind, Window
from clnp_core.errors import ConfigError
from clnp_core.evaluation import canonical_logits
from clnp_core.from_torch import read_chain
from clnp_core.network import Head, Network, Rows
from clnp_core.networks import Chain, cifar_narrow, cifar_wide, dense_chain, digits_small
from tests.messages import tells


def table_2() -> nn.Sequential:
    def block(below: int, neurons: int) -> nn.Sequential:
        return nn.Sequential(nn.Conv2d(below, neurons, 3, padding=1), nn.ReLU(), nn.Conv2d(neurons, neurons, 3, padding="same"),
                             nn.ReLU(), nn.MaxPool2d(3, 2, 1), nn.Dropout(0.25))
    return nn.Sequential(block(3, 32), block(32, 64), nn.Flatten(), nn.Linear(4096, 512), nn.ReLU(), nn.Dropout(0.5),
                         nn.Linear(512, 10))


def table_3() -> nn.Sequential:
    parts: list[nn.Module] = []
    below = 3
    for channels, stride, padding in [(128, 1, 1), (256, 2, 0), (512, 1, 0), (1024, 2, 1), (2048, 1, 0)]:
        with torch.device("meta"):  # a hundred megabytes that nobody looks at
            parts += [nn.Conv2d(below, channels, 3, stride, padding, bias=False), nn.BatchNorm2d(channels), nn.ReLU()]
        below = channels
    return nn.Sequential(*parts, nn.Conv2d(2048, 10, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())


class TestRead:
    def test_the_papers_tables(self) -> None:
        assert read_chain(table_2()) == cifar_narrow()
        assert read_chain(table_3()) == cifar_wide()

    def test_digits_small(self) -> None:
        assert digits_small() == read_chain(nn.Sequential(
            nn.Conv2d(1, 16, 3, 1, 1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 24, 3, 1, "same"), nn.BatchNorm2d(24),
            nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(384, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 2)))

    @pytest.mark.parametrize(("module", "activation"), [
        (nn.ReLU(inplace=True), Activation.RELU), (nn.LeakyReLU(), Activation.LEAKY_RELU), (nn.Tanh(), Activation.TANH),
        (nn.Sigmoid(), Activation.SIGMOID), (nn.GELU(), Activation.GELU), (nn.ELU(), Activation.ELU),
        (nn.SiLU(), Activation.SILU)])
    def test_nonlinearities_one_of_them_in_many_places(self, module: nn.Module, activation: Activation) -> None:
        chain = read_chain(nn.Sequential(nn.Flatten(), nn.Linear(9, 5), module, nn.Linear(5, 4), module, nn.Linear(4, 2)))
        assert chain == dense_chain((5, 4), activation)

    def test_identities_nothing_and_names(self) -> None:
        class Block(nn.Sequential):
            pass

        chain = read_chain(nn.Sequential(OrderedDict(
            stem=Block(nn.Identity(), nn.Conv2d(1, 4, (2, 2), (3, 3), (1, 1)), nn.BatchNorm2d(4), nn.Identity(), nn.Tanh(),
                       nn.AvgPool2d(2, 1)),
            empty=nn.Sequential(), body=nn.Sequential(nn.Flatten(), nn.Flatten(), nn.Dropout(0.5), nn.Linear(36, 5, bias=False),
                                                      nn.BatchNorm1d(5), nn.GELU(), nn.Flatten()),
            head=nn.Sequential(nn.Linear(5, 3), nn.Identity(), nn.Flatten()))))
        assert chain == Chain((Layer(4, Window(2, 3, 1), True, Activation.TANH, Pool(PoolKind.AVERAGE, Window(2, 1)), 0.5),
                               Layer(5, None, True, Activation.GELU)))

    def test_paddings_in_words(self) -> None:
        chain = read_chain(nn.Sequential(nn.Conv2d(1, 4, 5, padding="same"), nn.ReLU(), nn.Conv2d(4, 4, 2, 2, padding="valid"),
                                         nn.ReLU(), nn.Flatten(), nn.Linear(4, 2)))
        assert [layer.convolution for layer in chain.layers] == [Window(5, 1, 2), Window(2, 2, 0)]

    def test_the_chain_computes_what_the_sequential_computes(self) -> None:
        """The same weights in both: what is read is what was meant, order of the parts included."""
        torch.manual_seed(3)
        module = nn.Sequential(
            nn.Conv2d(2, 5, 3, padding=1), nn.ELU(), nn.AvgPool2d(3, 2, 1), nn.Dropout(0.4), nn.Conv2d(5, 6, 3, 1, 1),
            nn.BatchNorm2d(6), nn.Tanh(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(24, 7), nn.BatchNorm1d(7), nn.SiLU(),
            nn.Linear(7, 3)).eval()
        for norm in (module[5], module[10]):
            for values in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
                nn.init.uniform_(values, 0.5, 2)
        nn.init.zeros_(module[4].bias), nn.init.zeros_(module[9].bias)  # BatchNorm's shift stands in for them
        architecture = read_chain(module).architecture((2, 8, 8), 3, HeadKind.MULTI, True)
        images = torch.randn(9, 2, 8, 8)
        network = Network(architecture, (rows(module[0]), rows(module[4], module[5]), rows(module[9], module[10])),
                          {1: Head(module[12].weight.detach(), module[12].bias.detach())},
                          tuple(torch.ones(width, dtype=torch.int16) for width in architecture.hidden))
        torch.testing.assert_close(canonical_logits(network, images, 1), module(images).detach())


def rows(weights: nn.Module, norm: nn.Module | None = None) -> Rows:
    def of(module: nn.Module, name: str) -> Tensor:
        return module.state_dict()[name].clone()
    if norm is None:
        return Rows(of(weights, "weight"), {"bias": of(weights, "bias")})
    return Rows(of(weights, "weight"), {"scale": of(norm, "weight"), "shift": of(norm, "bias"),
                                        "mean": of(norm, "running_mean"), "variance": of(norm, "running_var")})


class Residual(nn.Sequential):
    def forward(self, values: Tensor) -> Tensor:
        return values + super().forward(values)


class Scaled(nn.Linear):
    def forward(self, values: Tensor) -> Tensor:
        return 2 * super().forward(values)


SHARED, SHARED_NORM = nn.Linear(4, 4), nn.BatchNorm1d(4)
ORDER = ("BatchNorm",)
BRANCH = ("branches",)
CONV, DENSE = (nn.Conv2d(1, 4, 3), nn.ReLU()), (nn.Linear(9, 4), nn.ReLU())
END, FLAT_END = nn.Linear(4, 2), (nn.Flatten(), nn.Linear(16, 2))


def hooked() -> nn.Module:
    module = nn.Linear(9, 4)
    module.register_forward_hook(lambda *_: None)
    return module


@pytest.mark.parametrize(("modules", "what", "hint"), [
    # what is no layer at all
    ((*DENSE, nn.LayerNorm(4), END), ("module 2 (LayerNorm)",), BRANCH),
    ((*DENSE, Residual(nn.Linear(4, 4), nn.ReLU()), END), ("module 2 (Residual)",), BRANCH),
    ((nn.Sequential(*DENSE, nn.Sequential(nn.ReLU6())), END), ("module 0.2.0 (ReLU6)",), BRANCH),
    ((Scaled(9, 4), nn.ReLU(), END), ("module 0 (Scaled)",), BRANCH),
    ((*DENSE, Scaled(4, 4), nn.ReLU(), END), ("module 2 (Scaled)",), BRANCH),
    ((*DENSE, nn.DataParallel(nn.Linear(4, 4)), nn.ReLU(), END), ("module 2 (DataParallel)",), ()),
    ((*CONV, nn.Dropout2d(), *FLAT_END), ("module 2 (Dropout2d)",), ()),
    ((*CONV, nn.AdaptiveAvgPool2d(1), *FLAT_END), ("module 2 (AdaptiveAvgPool2d)",), ("AvgPool2d",)),
    ((nn.utils.parametrizations.weight_norm(nn.Linear(9, 4)), *DENSE, END),
     ("module 0 (ParametrizedLinear)",), ()),
    ((hooked(), nn.ReLU(), END), ("module 0 (Linear)",), ()),
    ((nn.Linear(4, 4), SHARED_NORM, nn.ReLU(), nn.Linear(4, 4), SHARED_NORM, nn.ReLU(), END),
     ("module 4 (BatchNorm1d)", "module 1 (BatchNorm1d)"), ()),
    ((SHARED, nn.ReLU(), SHARED, nn.ReLU(), END), ("module 2 (Linear)", "module 0 (Linear)"), ()),
    # too little
    ((), ("Sequential",), ()),
    ((nn.Flatten(), END), ("Sequential",), ()),
    # order
    ((nn.Linear(9, 4), nn.Linear(4, 4), nn.ReLU(), END), ("module 0 (Linear)",), ("BatchNorm",)),
    ((nn.Conv2d(1, 4, 3), nn.MaxPool2d(2), nn.ReLU(), *FLAT_END),
     ("module 1 (MaxPool2d)", "module 0 (Conv2d)"), ("ReLU",)),
    ((nn.Conv2d(1, 4, 3), nn.Flatten(), nn.ReLU(), nn.Linear(16, 2)),
     ("module 1 (Flatten)", "module 0 (Conv2d)"), ("Linear",)),
    ((nn.Linear(9, 4), nn.Dropout(), nn.ReLU(), END),
     ("module 1 (Dropout)", "module 0 (Linear)"), ORDER),
    ((*DENSE, nn.BatchNorm1d(4), END), ("module 2 (BatchNorm1d)", "module 1 (ReLU)"), ("module 2 (BatchNorm1d)",)),
    ((*DENSE, nn.Tanh(), END), ("module 2 (Tanh)", "module 1 (ReLU)"), ()),
    ((*CONV, nn.Dropout(), nn.MaxPool2d(2), *FLAT_END), ("module 3 (MaxPool2d)", "module 2 (Dropout)"), ORDER),
    ((nn.Dropout(), *DENSE, END), ("module 0 (Dropout)",), ("Flatten",)),
    ((nn.BatchNorm1d(9), *DENSE, END), ("module 0 (BatchNorm1d)",), ("Flatten",)),
    # what does not fit together
    ((*DENSE, nn.Conv2d(4, 4, 3), nn.ReLU(), *FLAT_END),
     ("module 2 (Conv2d)", "module 0 (Linear)"), ("Flatten", "Linear")),
    ((*CONV, nn.Flatten(), nn.Conv2d(4, 4, 3), nn.ReLU(), *FLAT_END),
     ("module 3 (Conv2d)", "Flatten"), ("Flatten", "Linear")),
    ((nn.Flatten(), *CONV, *FLAT_END), ("module 1 (Conv2d)", "Flatten"), ("Flatten",)),
    ((*CONV, nn.Linear(16, 2)), ("module 2 (Linear)", "module 0 (Conv2d)", "Flatten"), ("Flatten",)),
    ((*DENSE, nn.Linear(5, 2)), ("module 2 (Linear)", "5", "module 0 (Linear)", "4"), ()),
    ((*CONV, nn.Conv2d(5, 4, 3), nn.ReLU(), *FLAT_END),
     ("module 2 (Conv2d)", "5", "module 0 (Conv2d)", "4"), ()),
    ((*CONV, nn.Flatten(), nn.Linear(4095, 2)), ("module 3 (Linear)", "4,095", "module 0 (Conv2d)", "4"), ()),
    ((nn.Conv2d(1, 4, 3), nn.BatchNorm2d(5), nn.ReLU(), *FLAT_END),
     ("module 1 (BatchNorm2d)", "5", "module 0 (Conv2d)"), ("BatchNorm2d(4)",)),
    ((nn.Linear(9, 4), nn.BatchNorm2d(4), nn.ReLU(), END),
     ("module 1 (BatchNorm2d)", "4", "module 0 (Linear)"), ("BatchNorm1d(4)",)),
    ((*DENSE, nn.MaxPool2d(2), END), ("module 2 (MaxPool2d)",), ("Flatten",)),
    ((*CONV, nn.Flatten(), nn.MaxPool2d(2), nn.Linear(16, 2)), ("module 3 (MaxPool2d)",), ("Flatten",)),
    ((nn.Linear(9, 4, bias=False), nn.ReLU(), END), ("module 0 (Linear)", "BatchNorm"), ("bias=True",)),
    # options
    ((nn.Conv2d(2, 4, 3, groups=2), nn.ReLU(), *FLAT_END), ("module 0 (Conv2d)", "groups=2"), ("groups=1",)),
    ((nn.Conv2d(1, 4, 3, dilation=2), nn.ReLU(), *FLAT_END), ("module 0 (Conv2d)", "dilation=(2, 2)"), ("dilation=(1, 1)",)),
    ((nn.Conv2d(1, 4, 3, padding=1, padding_mode="reflect"), nn.ReLU(), *FLAT_END),
     ("module 0 (Conv2d)", "padding_mode='reflect'"), ("padding_mode='zeros'",)),
    ((nn.Conv2d(1, 4, (3, 5)), nn.ReLU(), *FLAT_END), ("module 0 (Conv2d)", "kernel_size=(3, 5)"), ()),
    ((nn.Conv2d(1, 4, 4, padding="same"), nn.ReLU(), *FLAT_END), ("module 0 (Conv2d)",), ()),
    ((*CONV, nn.MaxPool2d(2, ceil_mode=True), *FLAT_END), ("module 2 (MaxPool2d)", "ceil_mode=True"), ("ceil_mode=False",)),
    ((*CONV, nn.MaxPool2d(2, dilation=2), *FLAT_END), ("module 2 (MaxPool2d)", "dilation=2"), ("dilation=1",)),
    ((*CONV, nn.AvgPool2d(2, count_include_pad=False), *FLAT_END), ("module 2 (AvgPool2d)", "count_include_pad=False"),
     ("count_include_pad=True",)),
    ((nn.Linear(9, 4), nn.LeakyReLU(0.2), END), ("module 1 (LeakyReLU)", "negative_slope=0.2"), ("negative_slope=0.01",)),
    ((nn.Linear(9, 4), nn.GELU("tanh"), END), ("module 1 (GELU)", "approximate='tanh'"), ("approximate='none'",)),
    ((nn.Linear(9, 4), nn.BatchNorm1d(4, momentum=None), nn.ReLU(), END), ("module 1 (BatchNorm1d)", "momentum=None"),
     ("momentum=0.1",)),
    ((*DENSE, nn.Dropout(1.0), END), ("module 2 (Dropout)",), ("0", "1")),
    ((*CONV, nn.Flatten(2), nn.Linear(16, 2)), ("module 2 (Flatten)", "start_dim=2"), ("start_dim=1",)),
    # the output
    ((*DENSE, END, nn.Softmax(dim=1)), ("module 3 (Softmax)",), ()),
    ((*DENSE, END, nn.ReLU()), ("module 3 (ReLU)", "module 2 (Linear)"), ()),
    ((*DENSE, END, nn.LayerNorm(2)), ("module 3 (LayerNorm)",), BRANCH),
    ((*CONV, nn.Conv2d(4, 2, 3), nn.Flatten()),
     ("module 2 (Conv2d)",), ("AdaptiveAvgPool2d(1)", "Flatten()", "Linear")),
    ((*CONV, nn.Conv2d(4, 2, 3), nn.AdaptiveAvgPool2d(2), nn.Flatten()), ("module 2 (Conv2d)",), ("AdaptiveAvgPool2d(1)",)),
    ((*CONV, nn.Conv2d(4, 2, 3, groups=2), nn.AdaptiveAvgPool2d(1), nn.Flatten()), ("module 2 (Conv2d)", "groups=2"),
     ("groups=1",)),
])
def test_what_a_chain_cannot_say_is_refused_by_name_and_place(modules: tuple[nn.Module, ...], what: tuple[str, ...],
                                                                   hint: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as refused:
        read_chain(nn.Sequential(*modules))
    assert tells(refused.value, *what, *hint) and str(refused.value).count("\n") == 1


@pytest.mark.parametrize(("module", "what", "hint"), [
    (nn.Linear(2, 2), ("Linear", "torch.nn.Sequential"), ("Sequential",)),
    (Residual(nn.Linear(2, 2)), ("Residual", "torch.nn.Sequential"), ("Sequential",)),
    (nn.DataParallel(nn.Sequential(nn.Linear(2, 2))), ("DataParallel", "torch.nn.Sequential"), (".module",)),
    (nn.ModuleList([nn.Linear(2, 2)]), ("ModuleList", "torch.nn.Sequential"), ("Sequential",)),
])
def test_only_a_sequential_is_read(module: nn.Module, what: tuple[str, ...], hint: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as refused:
        read_chain(module)
    assert tells(refused.value, *what, *hint)


def test_the_size_of_the_input_and_the_classes_are_the_runs_to_decide() -> None:
    chain = read_chain(nn.Sequential(nn.Linear(9, 4), nn.ReLU(), nn.Linear(4, 2)))
    assert chain.architecture((64,), 10, HeadKind.SINGLE, False) == Architecture((64,), (Layer(4),), 10)
