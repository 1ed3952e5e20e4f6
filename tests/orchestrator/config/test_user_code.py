"""A network of the user's own is called once, written out, and recorded without its file."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from clnp_core.architecture import Activation, Layer, Pool, PoolKind, Window
from clnp_core.errors import ConfigError
from clnp_core.networks import Chain
from orchestrator.config.config import Config, load
from orchestrator.driver.fork import forked_config
from tests.messages import naming
from tests.orchestrator.conftest import MINIMAL

MODULE = "nets_of_a_test"
SOURCE = '''
from torch import nn

from clnp_core.architecture import Layer, Window
from clnp_core.networks import Chain

def sequential(neurons=6, drop=0.5):
    return nn.Sequential(nn.Conv2d(1, neurons, 3, padding=1), nn.BatchNorm2d(neurons), nn.ELU(), nn.MaxPool2d(2),
                         nn.Dropout(drop), nn.Flatten(), nn.Linear(16 * neurons, 20), nn.ReLU(), nn.Linear(20, 99))

class Zoo:
    @staticmethod
    def chain():
        return Chain((Layer(4, Window(3)),), Window(3))

def branching():
    return nn.Sequential(nn.Linear(64, 3), nn.ReLU(), nn.Bilinear(3, 3, 3), nn.Linear(3, 2))

def failing(): raise RuntimeError("no luck\\ntoday")
def text(): return "a network"
def layerless(): return Chain(("conv", "dense"))
def impossible(): return Chain((Layer(0),))
number = 5
'''


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A working folder with a module, imported from there and forgotten afterwards."""
    (tmp_path / f"{MODULE}.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    sys.modules.pop(MODULE, None)


def values(name: str, params: dict[str, Any] | None = None, **keys: Any) -> dict[str, Any]:
    return MINIMAL | {"benchmark": {"name": "split-digits", "tasks": 2},
                      "network": {"name": f"{MODULE}:{name}", "params": params or {}, **keys}}


def problem(name: str, **keys: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        Config.parse(values(name, **keys))
    head, line = caught.value.message.split("\n")
    assert head == "the config has one problem:"
    return line.strip()


def test_a_sequential_with_arguments() -> None:
    network = Config.parse(values("sequential", {"neurons": 7}, head="multi")).network
    assert network.chain() == Chain((Layer(7, Window(3, 1, 1), True, Activation.ELU, Pool(PoolKind.MAX, Window(2, 2)), 0.5),
                                     Layer(20)))
    assert network.architecture((1, 8, 8), 2).classes == 2, "the task decides, not the module's 99"


def test_a_chain() -> None:
    config = Config.parse(values("Zoo.chain"))
    assert config.network.chain() == Chain((Layer(4, Window(3)),), Window(3))
    assert len(config.grid()[0].alpha) == 2


def test_the_record_outlives_the_file(tmp_path: Path) -> None:
    (tmp_path / "lab.yaml").write_text(yaml.safe_dump(values("sequential", {"neurons": 7})))
    config = load("lab.yaml")
    recorded = json.loads(json.dumps(config.resolved(), allow_nan=False))
    assert recorded["network"]["name"] == f"{MODULE}:sequential" and recorded["network"]["params"] == {"neurons": 7}
    assert [layer["neurons"] for layer in recorded["network"]["layers"]] == [7, 20]
    (tmp_path / f"{MODULE}.py").write_text("raise AssertionError('a record imports nothing')")
    sys.modules.pop(MODULE)
    again = Config.from_resolved(recorded)
    assert again == config and again.digest() == config.digest()


def test_a_fork_imports_nothing_unless_it_is_about_the_network() -> None:
    recorded = Config.parse(values("Zoo.chain")).resolved()
    sys.modules.pop(MODULE)
    forked = forked_config(recorded, "lab-1", 1, ["selection.margin_points=3"], "other")
    assert forked.network == Config.from_resolved(recorded).network and MODULE not in sys.modules
    anew = ["network.layers=null", "network.output=null", f"network.name={MODULE}:sequential"]
    assert len(forked_config(recorded, "lab-1", 0, anew, "other").network.widths) == 2
    with pytest.raises(ConfigError, match=naming("network.layers", "network.name")):
        forked_config(recorded, "lab-1", 0, [f"network.name={MODULE}:sequential"], "other")


def test_a_record_without_its_layers_imports_nothing() -> None:
    recorded = Config.parse(values("Zoo.chain")).resolved()
    recorded["network"] |= {"layers": None, "output": None}
    with pytest.raises(ConfigError, match=naming("network.layers", "nets_of_a_test", "Zoo.chain")):
        Config.from_resolved(recorded)


def test_a_file_may_not_write_out_what_it_imports() -> None:
    assert problem("Zoo.chain", layers=[{"kind": "dense", "neurons": 3}]) == (
        "network.layers: cannot be used together with network.name; keep one of the two")


@pytest.mark.parametrize(("name", "line"), [
    ("nothing", f"network.name: {MODULE}:nothing cannot be imported: module '{MODULE}' has no attribute 'nothing'; start clnp "
                "in the folder that holds the module, or install it"),
    ("number", f"network.name: {MODULE}:number is a int, which cannot be called; it must return a torch.nn.Sequential or a "
               "clnp_core.networks.Chain"),
    ("failing", f"network.name: {MODULE}:failing failed: RuntimeError: no luck; call it with network.params in Python, and "
                "fix the error"),
    ("text", f"network.name: {MODULE}:text returned a str; it must return a torch.nn.Sequential or a clnp_core.networks.Chain"),
    ("layerless", f"network.name: {MODULE}:layerless returned a Chain that cannot be written out: 'str' object has no "
                  "attribute 'convolution'; its layers are clnp_core.architecture.Layer, its output a Window or None"),
    ("branching", f"network.name: {MODULE}:branching: module 2 (Bilinear) cannot be a layer of a chain; a chain "),
    ("impossible", "network.layers[0].neurons: must be at least 1, not 0; "),
])
def test_what_is_wrong_with_it_is_one_line(name: str, line: str) -> None:
    assert problem(name).startswith(line)


def test_arguments_that_it_does_not_take() -> None:
    assert problem("sequential", params={"width": 3}).startswith(
        f"network.name: {MODULE}:sequential failed: TypeError: sequential() got an unexpected keyword argument 'width'; call")


def test_modules_that_are_not_there_or_broken(tmp_path: Path) -> None:
    (tmp_path / "broken_nets_of_a_test.py").write_text("def make(:")
    config = values("x")
    config["network"]["name"] = "no_nets_anywhere:make"
    with pytest.raises(ConfigError, match=naming("no_nets_anywhere")):
        Config.parse(config)
    config["network"]["name"] = "broken_nets_of_a_test:make"
    with pytest.raises(ConfigError, match=naming("broken_nets_of_a_test", "SyntaxError", "broken_nets")):
        Config.parse(config)


def test_the_other_problems_come_with_it() -> None:
    config = values("failing", head="solo") | {"seed": -1}
    with pytest.raises(ConfigError) as caught:
        Config.parse(config)
    assert [line.split(":")[0].strip() for line in caught.value.message.split("\n")[1:]] == [
        "seed", "network.name", "network.head"]


def test_a_network_that_cannot_read_the_samples() -> None:
    config = values("sequential") | {"benchmark": {"name": "permuted-digits", "tasks": 2}}
    with pytest.raises(ConfigError, match=naming("[64]")):
        Config.parse(config)


@pytest.mark.parametrize(("network", "loaded"), [
    ({"name": "light:make"}, False), ({"name": "digits-small"}, False),
    ({"layers": [{"kind": "dense", "neurons": 3}]}, False), ({"name": f"{MODULE}:sequential"}, True)])
def test_torch_is_loaded_for_modules_only(tmp_path: Path, network: dict[str, Any], loaded: bool) -> None:
    (tmp_path / "light.py").write_text("from clnp_core.networks import digits_small\ndef make():\n    return digits_small()\n")
    (tmp_path / "lab.yaml").write_text(yaml.safe_dump(values("") | {"network": network}))
    code = ("import sys; from orchestrator.config.config import load; load('lab.yaml')\n"
            "print('torch' in sys.modules, 'ray' in sys.modules)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          env={"PYTHONPATH": str(Path(__file__).parents[3])})
    assert done.stdout.split() == [str(loaded), "False"]
