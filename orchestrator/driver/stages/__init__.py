"""The transitions of a stage, a file each, in the order in which they happen."""
