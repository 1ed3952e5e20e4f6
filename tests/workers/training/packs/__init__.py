"""Tests of the packs of the room ``workers``."""
