"""Alembic's environment and revisions, inside the package so that they travel in a wheel."""
