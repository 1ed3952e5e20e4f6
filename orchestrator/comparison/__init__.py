"""Runs and groups of runs held against each other: metrics, means over seeds, and what they allow to claim."""
