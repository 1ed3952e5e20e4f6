"""Handles on recorded runs."""
