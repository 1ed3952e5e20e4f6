"""Recorded runs: their location, operations, logs, garbage collection, and time estimates."""
