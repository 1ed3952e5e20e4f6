"""Rows and runs as text: formatted values, tables, matrices, JSON, CSV and Parquet."""
