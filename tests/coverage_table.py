"""Runs the tests under coverage, in their subprocesses and Ray's workers, too, and prints a table by package.

    python -m tests.coverage_table [PYTEST ARGUMENTS]     make coverage, for everything but GPU and patience

A worker that is killed writes nothing, so a figure is a lower bound.
"""

import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from coverage import Coverage

ROOT = Path(__file__).parents[1]
LEAST = 15
"""Files that are listed, those with the most lines that were not run first."""


def main(arguments: list[str]) -> int:
    """Run pytest, then print what its tests have run; return its exit code."""
    command = [sys.executable, "-m", "pytest", "--cov", "--cov-report=", *arguments]
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    print(table(measured(ROOT / ".coverage")))
    return code


def measured(data: Path) -> dict[str, tuple[int, int]]:
    """Return the number of statements of every file, and how many of them were not run."""
    coverage = Coverage(data_file=data, config_file=ROOT / "pyproject.toml")
    coverage.load()
    files = {}
    for file in sorted(coverage.get_data().measured_files()):
        if Path(file).is_file():
            _, statements, _, missing, _ = coverage.analysis2(file)
            files[str(Path(file).relative_to(ROOT))] = len(statements), len(missing)
    return files


def table(files: dict[str, tuple[int, int]]) -> str:
    """Return a table of the packages in Markdown, and the files with the most statements that were not run."""
    packages: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for file, (statements, missing) in files.items():
        packages[file.split("/")[0]][0] += statements
        packages[file.split("/")[0]][1] += missing
    lines = ["| package | statements | not run | run |", "|---|---|---|---|"]
    for package, (statements, missing) in sorted(packages.items()):
        lines.append(f"| `{package}` | {statements:,} | {missing:,} | {100 * (1 - missing / max(statements, 1)):.1f} % |")
    worst = sorted(((missing, file) for file, (_, missing) in files.items() if missing), reverse=True)[:LEAST]
    return "\n".join([*lines, "", *(f"{missing:5d} not run  {file}" for missing, file in worst)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
