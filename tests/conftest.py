"""What every test stands on."""

import os

from hypothesis import settings

# A developer's own database, storage and cluster are never touched by a test. CLNP_DATA stays: only read.
for _name in ("CLNP_DB_URL", "CLNP_STORAGE", "CLNP_TOKEN", "RAY_ADDRESS"):
    os.environ.pop(_name, None)

# Tests share busy machines: how long one example takes says nothing. And a red build must be red again.
settings.register_profile("clnp", deadline=None, derandomize=True, database=None)
settings.load_profile("clnp")
