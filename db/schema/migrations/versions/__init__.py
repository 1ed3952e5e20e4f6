"""One file per revision, oldest first; a released revision never changes."""
