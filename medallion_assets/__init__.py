"""DynamoDB exports become a trustworthy lakehouse (Bronze -> Silver -> Gold); the metrics return to DynamoDB."""

import os

# What Polars frees, its allocator only marks as free to take, which the system does once memory is short. Until then it
# counts as used, in `top` as for limits, and is as much again as what is needed. So it is given back. The allocator
# reads this when Polars is imported; whoever has set the variable keeps what it says.
os.environ.setdefault("_RJEM_MALLOC_CONF", "muzzy_decay_ms:0")  # noqa: TID251 - no setting of ours
