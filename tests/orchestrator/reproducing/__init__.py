"""Tests of tables that are made from one command."""
