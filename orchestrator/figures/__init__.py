"""Figures from recorded rows: a run, a task and a trial as Vega-Lite charts."""
