"""Real clusters of several nodes on one machine, and what happens when parts of them are lost."""
