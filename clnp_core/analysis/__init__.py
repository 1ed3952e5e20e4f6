"""Analysis of recorded runs: metrics of continual learning, statistics over seeds, significance, size of a network."""
