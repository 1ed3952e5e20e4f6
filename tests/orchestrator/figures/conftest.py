"""The real run of the tests of the command line, for the figures, too."""

from tests.orchestrator.cli.conftest import recorded

__all__ = ["recorded"]
