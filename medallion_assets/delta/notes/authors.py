"""Authors: the notes by which every commit says who made it.

Belongs here: their names. Does not: who that is, which the processes know that open a lakehouse.
"""

from __future__ import annotations

RUN_ID = "dagster_run_id"
TYPED = "command"
"""What a person typed, of a commit that no run made."""
STARTED_BY = "started_by"
