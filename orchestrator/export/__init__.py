"""The sub-network of one task as files that need nothing of this project."""
