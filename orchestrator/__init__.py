"""The driver and its interfaces: configuration, sweeps, commits, reports, notebook, service and commands."""
