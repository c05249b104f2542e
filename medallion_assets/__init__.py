"""DynamoDB exports become a trustworthy lakehouse (Bronze -> Silver -> Gold); the metrics return to DynamoDB."""

import os

# Read by Polars' allocator when Polars is imported, so set before: what was freed goes back to the system half a second
# later and not one and a half, a quarter of a process's peak. A value of the user's own holds.
os.environ.setdefault("_RJEM_MALLOC_CONF", "muzzy_decay_ms:0")
