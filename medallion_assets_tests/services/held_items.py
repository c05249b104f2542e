"""Items that an executor of Spark's does not get done with, for tests of what ends its work.

Belongs here: the item, and the two named pipes by which it and the test wait for each other.
Does not: who ends it, or what becomes of it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

BEGUN, GO, DONE = "begun", "go", "done"


@dataclass(frozen=True)
class Held:
    """A folder for each item that is held."""

    folder: Path

    @classmethod
    def in_folder(cls, folder: Path) -> Held:
        """With its named pipes."""
        folder.mkdir(parents=True)
        for name in (BEGUN, GO):
            os.mkfifo(folder / name)
        return cls(folder)

    def item(self, number: int) -> int:
        """What the executor does: say which process it is, and wait until it may go on."""
        (self.folder / BEGUN).write_text(str(os.getpid()))
        (self.folder / GO).read_text()
        (self.folder / DONE).touch()
        return number

    def begun(self) -> int:
        """Wait until an executor works on it; the id of its process."""
        return int((self.folder / BEGUN).read_text())

    def let_go(self) -> None:
        """Let the executor that waits go on."""
        (self.folder / GO).write_text("go")

    @property
    def is_done(self) -> bool:
        """Whether it went on."""
        return (self.folder / DONE).exists()
