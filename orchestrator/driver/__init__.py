"""The driver of a run: its lease, its plan, its cluster, and the transitions of its stages."""
