"""The transitions of a stage, one file each."""
