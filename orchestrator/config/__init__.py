"""The configuration of a run: read from YAML, checked as a whole, recorded with every default filled in."""
