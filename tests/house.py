"""Measurements of the source tree: ``python -m tests.house`` prints them, ``tests/test_house.py`` bounds them.

Files and lines of each package, circles of imports, names of files that occur twice, entries of crowded rooms, the longest
parameter lists, and how often ``Any``, imports inside functions and private names of other modules are used.
"""

import ast
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]
PACKAGES = ("clnp", "clnp_core", "workers", "db", "orchestrator")

LONGEST_FILE = 350
"""Lines. Migrations are records, and left out."""

SMALL_FILE = 150
"""Lines. A concept may be smaller, so these files are counted and not forbidden."""

KERNELS = {"workers.training.optimizers.adam_pass"}


@dataclass(frozen=True, slots=True)
class House:
    """What was measured.

    Attributes:
        files, lines: of Python, by package; files that only mark a package are left out.
        rooms: folders with Python files.
        entries: files and folders at the top of each package.
        circles: groups of modules that import one another.
        names_twice: names of files that occur more than once, ``errors`` aside.
        classes_twice: names of public classes that occur more than once.
        long_files: files over :data:`LONGEST_FILE` lines, with their lines.
        most_parameters: the longest parameter lists, as "module.function: count".
        longest_parameter_list: without the compiled kernels in :data:`KERNELS`, which take a parameter for every operand.
        small_files: files of fewer than :data:`SMALL_FILE` lines.
        any_annotations: occurrences of ``Any`` in annotations.
        late_imports: import statements inside functions.
        private_imports: imports of a name with a leading underscore from another module.
        from_cli: modules outside ``orchestrator.cli`` that import it.
    """

    files: dict[str, int]
    lines: dict[str, int]
    rooms: int
    entries: dict[str, int]
    circles: list[list[str]]
    names_twice: list[str]
    classes_twice: list[str]
    long_files: dict[str, int]
    most_parameters: list[str]
    longest_parameter_list: int
    small_files: int
    any_annotations: int
    late_imports: int
    private_imports: int
    from_cli: list[str]
    totals: dict[str, int] = field(default_factory=dict)


def sources(root: Path, package: str) -> list[Path]:
    """The Python files of a package, released migrations aside."""
    return sorted(path for path in (root / package).rglob("*.py") if not {"versions", "__pycache__"} & set(path.parts))


def measure(root: Path = ROOT) -> House:
    """Measure the tree below ``root``."""
    packages = [package for package in PACKAGES if (root / package).is_dir()]
    by_package = {package: sources(root, package) for package in packages}
    paths = [path for found in by_package.values() for path in found]
    named = [path for path in paths if path.name not in ("__init__.py", "__main__.py")]
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in paths}
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in paths}
    graph = grimp.build_graph(*packages, cache_dir=None)
    arrows = {module: sorted(graph.find_modules_directly_imported_by(module)) for module in sorted(graph.modules)}
    parameters = sorted(((_count(function), f"{_dotted(root, path)}.{function.name}")
                         for path, tree in trees.items() for function in _functions(tree)), reverse=True)
    return House(
        files={package: sum(path in named for path in found) for package, found in by_package.items()},
        lines={package: sum(lengths[path] for path in found) for package, found in by_package.items()},
        rooms=len({path.parent for path in paths}),
        entries={package: len({path.relative_to(root / package).parts[0] for path in found} | {"__init__.py"})
                 for package, found in by_package.items()},
        circles=circles(arrows),
        names_twice=sorted(name for name, count in Counter(path.name for path in named).items()
                           if count > 1 and name != "errors.py"),
        classes_twice=sorted(name for name, count in Counter(
            node.name for tree in trees.values() for node in tree.body
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_")).items() if count > 1),
        long_files={str(path.relative_to(root)): lengths[path] for path in paths if lengths[path] > LONGEST_FILE},
        most_parameters=[f"{name}: {count}" for count, name in parameters[:10]],
        longest_parameter_list=max(count for count, name in parameters if name not in KERNELS),
        small_files=sum(lengths[path] < SMALL_FILE for path in named),
        any_annotations=sum(_anys(tree) for tree in trees.values()),
        late_imports=sum(isinstance(node, ast.Import | ast.ImportFrom)
                         for tree in trees.values() for function in _functions(tree) for node in ast.walk(function)),
        private_imports=sum(alias.name.startswith("_") and not alias.name.startswith("__")
                            for tree in trees.values() for node in ast.walk(tree)
                            if isinstance(node, ast.ImportFrom) for alias in node.names),
        from_cli=[module for module, imported in arrows.items() if not module.startswith("orchestrator.cli")
                  and any(name.startswith("orchestrator.cli") for name in imported)],
        totals={"files": len(named), "lines": sum(lengths.values())})


def circles(arrows: dict[str, list[str]]) -> list[list[str]]:
    """Groups of modules that import one another: strongly connected components of more than one module (Tarjan)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for other in arrows.get(module, []):
            if other not in index:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], index[other])
        if low[module] == index[module]:
            group = [stack.pop()]
            while group[-1] != module:
                group.append(stack.pop())
            if len(group) > 1:
                found.append(sorted(group))

    for module in arrows:
        if module not in index:
            visit(module)
    return sorted(found)


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _count(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    arguments = function.args
    return len([name for name in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
                if name.arg not in ("self", "cls")])


def _anys(tree: ast.AST) -> int:
    annotations = [node.annotation for node in ast.walk(tree) if isinstance(node, ast.AnnAssign | ast.arg) and node.annotation]
    annotations += [function.returns for function in _functions(tree) if function.returns]
    return sum(isinstance(name, ast.Name) and name.id == "Any" for annotation in annotations for name in ast.walk(annotation))


def _dotted(root: Path, path: Path) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts)


if __name__ == "__main__":
    import sys

    measured = measure(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT)
    print(json.dumps(asdict(measured), indent=2))
