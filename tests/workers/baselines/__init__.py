"""Tests of what CLNP is held against."""
