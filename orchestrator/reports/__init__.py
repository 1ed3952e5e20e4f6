"""Reports of runs, comparisons of runs and groups, and the tables of papers."""
