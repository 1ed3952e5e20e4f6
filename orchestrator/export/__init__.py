"""Export of the sub-network of one task as files that do not need this project."""
