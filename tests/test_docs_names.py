"""Documents, docstrings, comments and deployments name files and modules that exist."""

import ast
import io
import re
import tokenize
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("clnp", "clnp_core", "workers", "db", "orchestrator")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "Makefile", ROOT / "docker-compose.yml",
         ROOT / "Dockerfile", ROOT / "pyproject.toml", *sorted((ROOT / "deploy").iterdir()),
         *sorted((ROOT / "experiments").iterdir())]
SOURCES = [path for folder in (*PACKAGES, "benchmarks", "tests") for path in sorted((ROOT / folder).rglob("*.py"))
           if "versions" not in path.parts]

FILE = re.compile(r"(?<![\w./-])((?:clnp|clnp_core|workers|db|orchestrator|tests|benchmarks|experiments|docs|deploy)"
                  r"(?:/[\w-]+)*/[\w-]+(?:\.\w+)?)(?![\w*{<])")
"""A path from the root, to a file or to a folder."""

MODULE = re.compile(r"(?<![\w./@:-])((?:clnp_core|workers|db|orchestrator)(?:\.(?!py\b)[A-Za-z_]\w*)+)(?![\w/]|\.[a-z])")
"""A dotted name, of a module or of what one defines."""

BARE = re.compile(r"(?<![\w./-])([a-z_]+\.py)\b")
"""A file without its folder."""

EXAMPLES = {"blobs.py", "stripes.py", "nets.py", "db.py", "queue.py", "yaml.py", "clnp.py", "name.py"}
"""Files of users, which documents show or warn of."""


def text_of(source: Path) -> str:
    """A page as it is; of a Python file the comments and docstrings."""
    text = source.read_text(encoding="utf-8")
    if source.suffix != ".py":
        return text
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    strings = [ast.get_docstring(node) or "" for node in ast.walk(ast.parse(text)) if isinstance(node, documented)]
    comments = [token.string for token in tokenize.generate_tokens(io.StringIO(text).readline)
                if token.type == tokenize.COMMENT]
    return "\n".join(strings + comments)


@cache
def defined(file: Path) -> set[str]:
    """Names that a module has at its top."""
    names: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
    return names


def is_there(dotted: str) -> bool:
    """Whether a dotted name leads to a module, or to something that a module defines."""
    place = ROOT
    words = dotted.split(".")
    while words and (place / words[0]).is_dir():
        place /= words.pop(0)
    if not words:
        return True
    file = place / f"{words[0]}.py"
    if file.is_file():
        return len(words) == 1 or words[1] in defined(file)
    return words[0] in defined(place / "__init__.py")


@cache
def file_names() -> frozenset[str]:
    """Names of all Python files of the repository."""
    return frozenset(path.name for folder in (*PACKAGES, "benchmarks", "tests") for path in (ROOT / folder).rglob("*.py"))


def missing(text: str) -> list[str]:
    """Files and modules that a text names and that are not there."""
    return [*(name for name in FILE.findall(text) if not (ROOT / name).exists()),
            *(name for name in MODULE.findall(text) if not is_there(name)),
            *(name for name in BARE.findall(text) if name not in file_names() | EXAMPLES)]


@pytest.mark.parametrize("sources", [PAGES, SOURCES], ids=["pages", "sources"])
def test_what_is_named_exists(sources: list[Path]) -> None:
    found = {str(source.relative_to(ROOT)): missing(text_of(source)) for source in sources if source.is_file()}
    assert {source: names for source, names in found.items() if names} == {}


def test_names_that_are_gone_are_found() -> None:
    """The names are put together here, because this file is read, too."""
    room, module = "workers/no_room", "workers.spec"
    assert missing(f"{room}/gone.py, `{room}`, `{module}.nothing` and :func:`{module}.derive_seed`") == [
        f"{room}/gone.py", room, f"{module}.nothing"]
