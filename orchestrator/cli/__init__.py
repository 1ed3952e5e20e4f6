"""The command line ``clnp``: parse, call, print. What it prints is documented in docs/cli.md."""
