"""Tests of the baselines that CLNP is compared with."""
