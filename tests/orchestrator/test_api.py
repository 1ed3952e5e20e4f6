"""What Python users import comes at once, and all of it is documented."""

import inspect
import subprocess
import sys
from pathlib import Path

from orchestrator import api

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "ray", "pandas", "numpy", "altair", "fastapi", "optuna", "alembic", "psycopg", "rich", "vl_convert")


def test_importing_it_loads_nothing_heavy() -> None:
    program = f"import sys; from orchestrator import api; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_looking_at_a_run_loads_neither_torch_nor_pandas(tmp_path: Path) -> None:
    program = ("import sys\nfrom orchestrator import api\nfrom tests.orchestrator.cli.conftest import written\n"
               "from pathlib import Path\n"
               f"with written(Path({str(tmp_path)!r})):\n"
               f"    runs = api.runs(url='sqlite:///{tmp_path}/.clnp/clnp.db')\n"
               "    print(runs, runs['demo'], runs['demo'].stage(1), runs['demo'].state, file=sys.stderr)\n"
               "    runs['demo']._repr_html_(), list(runs['demo'].figures)\n"
               "print(*sorted({'torch', 'ray', 'pandas', 'altair', 'vl_convert'} & set(sys.modules)))")
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "", done.stdout


def test_every_name_is_there_and_says_what_it_is() -> None:
    assert set(api.__all__) <= set(dir(api))
    public = [getattr(api, name) for name in api.__all__]
    members = [member for handle in (api.Run, api.Runs, api.Group, api.Stage, api.Trial, api.Commit)
               for name, member in inspect.getmembers(handle)
               if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property))]
    assert len(members) > 50
    for each in (*public, *members):
        assert inspect.getdoc(each), each
