"""Types docs/tutorial.md as a reader would, in a folder of its own, and tells what every block printed.

    python -m tests.tutorial PAGE [--patient]     one JSON list of outputs; --patient types the slow blocks, too
    python -m tests.tutorial PAGE --write         puts into the page what every block printed

A block is what one would type into a cell: its last expression is shown, and an error of ours ends it in two lines. One that
begins with a comment ``# name.py`` is saved under that name, and behind ``<!-- slow -->`` follows one for the patient. One Ray
serves all blocks, because a reader's minutes are not the tests'.
"""

import ast
import contextlib
import io
import json
import re
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clnp_core.errors import ClnpError

BLOCK = re.compile(r"^(?P<slow><!-- slow -->\n)?```python\n(?P<code>.*?)^```\n"
                   r"(?:\n```text(?P<exact> exact)?\n(?P<output>.*?)^```\n)?", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A block of the page, and the output shown below it; ``exact``: down to the digits."""

    code: str
    output: str | None
    exact: bool
    slow: bool

    @property
    def file(self) -> str | None:
        """The name that it is to be saved under; None for one that is typed."""
        named = re.match(r"# (\w+\.py)\n", self.code)
        return named[1] if named else None


def blocks(page: str) -> list[Block]:
    """The Python blocks of the page, in order."""
    return [Block(found["code"], found["output"], found["exact"] is not None, found["slow"] is not None)
            for found in BLOCK.finditer(page)]


def typed(block: Block, names: dict[str, Any]) -> str:
    """What a cell would show below the block. Its result must be able to show itself in a notebook, too."""
    if block.file is not None:
        Path(block.file).write_text(block.code, encoding="utf-8")
        return ""
    tree = ast.parse(block.code)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            exec(compile(tree, "<tutorial>", "exec"), names)
            value = eval(compile(ast.Expression(last.value), "<tutorial>", "eval"), names) if last else None
        except ClnpError as error:
            print(f"{type(error).__name__}: {error}")
            return printed.getvalue()
        if value is not None:
            print(repr(value))
            for show in ("_repr_html_", "_repr_mimebundle_"):
                if hasattr(value, show):
                    assert getattr(value, show)()
    return printed.getvalue()


def with_outputs(page: str, outputs: list[str | None]) -> str:
    """The page with what its blocks have printed now, where it shows something below them."""
    told = iter(outputs)

    def rewritten(found: re.Match[str]) -> str:
        now = next(told)
        if now is None or found["output"] is None:
            return found[0]
        start, end = (place - found.start() for place in found.span("output"))
        return found[0][:start] + now.rstrip("\n") + "\n" + found[0][end:]

    return BLOCK.sub(rewritten, page)


def main(page: str, patient: bool, write: bool) -> None:
    """Type everything; ``patient`` with the slow blocks. Print the outputs, or ``write`` them into the page."""
    from orchestrator.driver.cluster import quiet_environment

    quiet_environment()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import ray

        ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    names: dict[str, Any] = {"__name__": "__main__"}
    outputs = [typed(block, names) if patient or not block.slow else None for block in blocks(Path(page).read_text("utf-8"))]
    ray.shutdown()
    if write:
        Path(page).write_text(with_outputs(Path(page).read_text("utf-8"), outputs), encoding="utf-8")
    else:
        print(json.dumps(outputs))


if __name__ == "__main__":
    main(sys.argv[1], "--patient" in sys.argv[2:], "--write" in sys.argv[2:])
