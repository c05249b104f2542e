"""What the allocator of Polars keeps of freed memory is said before Polars is there."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SAYS = "import medallion_assets.engines.polars, os; print(os.environ['_RJEM_MALLOC_CONF'])"


@pytest.mark.parametrize(
    ("said", "holds"), [(None, "dirty_decay_ms:300,muzzy_decay_ms:0"), ("muzzy_decay_ms:7", "muzzy_decay_ms:7")]
)
def test_freed_memory_goes_back_soon_unless_a_user_says_otherwise(said: str | None, holds: str) -> None:
    """Polars may say more before it: of what the allocator is told twice the last counts."""
    environment = {name: value for name, value in os.environ.items() if name != "_RJEM_MALLOC_CONF"}
    environment |= {} if said is None else {"_RJEM_MALLOC_CONF": said}
    ran = subprocess.run([sys.executable, "-c", SAYS], env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.strip().endswith(holds)
