"""``python -m orchestrator.cli``: the same as ``clnp``, where the package is not installed."""

import sys

from orchestrator.cli.main import main

sys.exit(main())
