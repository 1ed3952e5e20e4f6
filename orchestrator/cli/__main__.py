"""``python -m orchestrator.cli``: the same as ``clnp``, where the package is not installed."""

import sys
from pathlib import Path

import orchestrator

if not sys.flags.safe_path and Path(sys.path[0]).resolve() != Path(orchestrator.__file__).resolve().parents[1]:
    del sys.path[0]  # the working folder, which Python puts there: nothing is imported from it before a config names it

from orchestrator.cli.main import main

sys.exit(main())
