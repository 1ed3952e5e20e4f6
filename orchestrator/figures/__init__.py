"""Recorded rows in, charts out: what a run, a task and a trial did, as Vega-Lite."""
