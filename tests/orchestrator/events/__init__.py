"""Tests of the events of a driver and of what listens to them."""
