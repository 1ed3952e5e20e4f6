"""Groups of runs: one config under several seeds, driven side by side on one cluster and reported together."""
