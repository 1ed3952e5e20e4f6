"""Artifacts and checkpoints: files by name in a shared folder or in an S3-compatible bucket."""
