"""The jobs that a stage gives to a worker: plain functions from plain values to plain values. No Ray in them."""
