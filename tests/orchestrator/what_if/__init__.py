"""Tests of orchestrator/what_if."""
