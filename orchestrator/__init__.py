"""The driver: configuration, sweeps, commits, and everything that people touch."""
