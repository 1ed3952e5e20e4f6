"""Tests of groups of runs."""
