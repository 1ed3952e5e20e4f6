"""Recorded runs: where they are, what can be asked of them, their logs, garbage collection, estimates of time."""
