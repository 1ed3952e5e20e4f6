"""The errors that users of the command line see most often, as they are printed.

    python -m tests.orchestrator.cli.golden_errors     writes golden_errors.txt again
"""

import io
import shlex
import tempfile
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path

import yaml

from orchestrator.cli.main import main
from tests.orchestrator.cli.conftest import TINY, written

FILE = Path(__file__).with_suffix(".txt")
COMMANDS = (
    "stats", "launch", "launch absent.yaml", "launch tiny.yaml --set training.epoch=3",
    "launch tiny.yaml --set training.epochs=0", "launch tiny.yaml --set training",
    "launch tiny.yaml --set benchmark.name=permuted-digit", "launch tiny.yaml --name demo",
    "launch tiny.yaml --set network.hidden=[] --set sweep.alpha=high", "trials demo --tsk 1", "trials demo --task two",
    "status dem", "show dem", "show demo --task 9", "show demo --task 1 --trial 9", "resume dem", "stop dem", "stop demo",
    "fork demo", "fork demo --task 1", "verify demo", "export demo --task 1", "what-if demo --margin 101",
    "sql 'SELECT nonsense'", "sql 'DELETE FROM clnp_runs'", "--db mysql://lab/clnp ls",
)


def transcript() -> str:
    """Return what every command prints in a folder with a config ``tiny.yaml`` and a run ``demo`` that has trained no trial."""
    shown = []
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        Path("tiny.yaml").write_text(yaml.safe_dump(TINY))
        with written(Path(folder)) as run:
            run.begin()
            run.let_go()
        for command in COMMANDS:
            out, err = io.StringIO(), io.StringIO()
            with redirect_stdout(out), redirect_stderr(err):
                code = main(shlex.split(command))
            shown.append(f"$ clnp {command}\n{out.getvalue()}{err.getvalue()}[exit code {code}]\n")
    return "\n".join(shown)


if __name__ == "__main__":
    FILE.write_text(transcript(), encoding="utf-8")
