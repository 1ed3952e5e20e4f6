"""Tests of values, tables and runs as text."""
