"""Tests of the database room: one contract, run on SQLite and on PostgreSQL."""
