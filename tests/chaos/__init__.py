"""Chaos: kill everything, everywhere, and hold what remains against a run that nobody disturbed."""
