"""How a process treats memory: what is said to the allocator of Polars and to Python, unless a user says otherwise."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

ALLOCATOR = "import medallion_assets.engines.polars, os; print(os.environ['_RJEM_MALLOC_CONF'])"
GARBAGE = "import gc; gc.set_threshold({}, 7, 5); import medallion_assets; print(*gc.get_threshold())"

AT_THE_END = """
import medallion_assets

class Circle:
    def __init__(self):
        self.itself = self

    def __del__(self):
        print("looked for")

circle = Circle()
"""


def answer(program: str, **said: str) -> str:
    """What a new process prints that has no word about memory but these."""
    environment = {name: value for name, value in os.environ.items() if name != "_RJEM_MALLOC_CONF"} | said
    ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    return ran.stdout.strip()


def test_freed_memory_goes_back_soon() -> None:
    assert answer(ALLOCATOR).endswith("dirty_decay_ms:300,muzzy_decay_ms:0")


def test_what_a_user_says_to_the_allocator_holds() -> None:
    """Polars may say more before it: of what the allocator is told twice the last counts."""
    assert answer(ALLOCATOR, _RJEM_MALLOC_CONF="muzzy_decay_ms:7").endswith("muzzy_decay_ms:7")


@pytest.mark.parametrize(("said", "holds"), [(700, 10_000), (50_000, 50_000), (0, 0)])
def test_garbage_is_looked_for_seldom_unless_a_user_says_otherwise(said: int, holds: int) -> None:
    """None at all (0) is a word of the user's, too."""
    assert answer(GARBAGE.format(said)) == f"{holds} 7 5"


def test_at_its_end_a_process_looks_for_no_garbage() -> None:
    assert answer(AT_THE_END.replace("import medallion_assets", "")) == "looked for"
    assert answer(AT_THE_END) == ""
