"""Data sets, and the tasks that benchmarks make from them."""
