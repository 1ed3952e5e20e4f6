"""Tests of orchestrator/detached."""
