"""The layers of a network, as a dry run shows them."""

from clnp_core.architecture import Architecture, HeadKind, Layer
from clnp_core.networks import cifar_narrow, cifar_wide
from orchestrator.cli.dry_run import network_table


def test_table_2() -> None:
    assert network_table(cifar_narrow().architecture((3, 32, 32), 10, HeadKind.MULTI, True), None) == """\
 layer  weights             neurons  then                                                 map passed on  parameters
------  ------------------  -------  ---------------------------------------------------  -------------  ----------
     1  conv 3×3 padding 1       32  relu                                                 32×32                 896
     2  conv 3×3 padding 1       32  relu, max pool 3×3 stride 2 padding 1, dropout 0.25  16×16               9,248
     3  conv 3×3 padding 1       64  relu                                                 16×16              18,496
     4  conv 3×3 padding 1       64  relu, max pool 3×3 stride 2 padding 1, dropout 0.25  8×8                36,928
     5  dense                   512  relu, dropout 0.5                                    -               2,097,664
output  dense                    10  -                                                    -                   5,130"""


def test_table_3_has_a_convolution_as_its_output() -> None:
    lines = network_table(cifar_wide().architecture((3, 32, 32), 10, HeadKind.SINGLE, False), None).splitlines()
    assert lines[3].split() == ["2", "conv", "3×3", "stride", "2", "256", "norm,", "relu", "15×15", "295,424"]
    assert lines[-1].split() == ["output", "conv", "3×3", "10", "average", "-", "184,320"]


def test_the_parameters_add_up() -> None:
    network = Architecture((1, 8, 8), (Layer(5, batch_norm=True), Layer(4)), 3, HeadKind.MULTI, True)
    rows = network_table(network, None).splitlines()[2:]
    assert sum(int(row.split()[-1].replace(",", "")) for row in rows) == network.parameter_count()
