"""Runs, stages, trials and commits as objects for Python users, and how they show themselves."""
