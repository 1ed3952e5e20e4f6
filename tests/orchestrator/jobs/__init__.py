"""Tests of orchestrator/jobs."""
