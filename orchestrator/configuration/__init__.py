"""The configuration of a run: read whole from YAML, checked whole, recorded with every default filled in."""
