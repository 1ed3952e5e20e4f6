"""The transitions of a stage, one file each, in the order in which they happen."""
