"""DynamoDB exports become a trustworthy lakehouse (Bronze -> Silver -> Gold); the metrics return to DynamoDB."""

import atexit
import gc
import os

# Read by Polars' allocator when Polars is imported, so set before: what was freed goes back to the system 0.3 seconds
# later and not 1.5, and there is one arena a core and not four. That is a quarter of a process's peak, and fewer pages
# are asked for anew. A value of the user's own holds.
os.environ.setdefault("_RJEM_MALLOC_CONF", f"narenas:{(os.cpu_count() or 1) + 1},dirty_decay_ms:300,muzzy_decay_ms:0")

# Python looks for circles of garbage after every 700 new objects, so hundreds of times while libraries are imported: a
# tenth of the start of a process. Where it is switched off, or looks more seldom, that holds.
_young, _middle, _old = gc.get_threshold()
if 0 < _young < 10_000:
    gc.set_threshold(10_000, _middle, _old)

# And once more at the end of a process, through all that was imported: 0.4 seconds of every command and run.
atexit.register(gc.freeze)
