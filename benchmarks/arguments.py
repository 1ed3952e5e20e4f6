"""What is typed behind a benchmark's name."""

import argparse


def numbers(text: str, **defaults: int) -> tuple[int, ...]:
    """Read whole numbers from the command line, each of which may be left out from the end; ``--help`` shows the text.

    Args:
        text: the docstring of the benchmark.
        defaults: name → value of each number, in order.
    """
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in defaults.items():
        parser.add_argument(name, metavar=name.upper(), type=int, nargs="?", default=default)
    return tuple(vars(parser.parse_args()).values())
