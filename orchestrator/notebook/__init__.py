"""Handles on runs, stages, trials and commits for Python users, and their display in notebooks."""
