"""The only files of the workers that import Ray."""
