"""DynamoDB exports become a trustworthy lakehouse (Bronze -> Silver -> Gold); the metrics return to DynamoDB."""

import os

# Read by Polars' allocator when Polars is imported, so set before: what was freed goes back to the system 0.3 seconds
# later and not 1.5, and there is one arena a core and not four. That is a quarter of a process's peak, and fewer pages
# are asked for anew. A value of the user's own holds.
os.environ.setdefault("_RJEM_MALLOC_CONF", f"narenas:{(os.cpu_count() or 1) + 1},dirty_decay_ms:300,muzzy_decay_ms:0")
