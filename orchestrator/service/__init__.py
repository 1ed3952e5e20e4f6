"""The HTTP service over the database, and its page: `clnp serve`."""
