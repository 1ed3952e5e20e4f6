"""Handles on what a database records, for notebooks: a run, its stages, trials and commits; and how they show themselves."""
