"""Files of libraries that never change, read once a process and not once a test.

Belongs here: what a profile of the suite shows to be read again and again. Does not: anything that a test writes.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.loaders import JSONFileLoader

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory


def read_once() -> None:
    """Keep what describes AWS's services, which each client reads, and Dagster's migrations, which each instance does.

    Call it when the tests are imported: it leaves Dagster's part out if none of them needs Dagster.
    """
    read = JSONFileLoader().load_file
    kept = cache(read)
    JSONFileLoader.load_file = lambda _, file_path: kept(file_path)  # type: ignore[assignment, method-assign]
    if "dagster" in sys.modules:
        _keep_migrations()


def _keep_migrations() -> None:
    from alembic.script import ScriptDirectory

    read: Any = ScriptDirectory.from_config
    known: dict[str | None, ScriptDirectory] = {}

    def from_config(config: Config) -> ScriptDirectory:
        if config.config_file_name not in known:
            known[config.config_file_name] = read(config)
        return known[config.config_file_name]

    ScriptDirectory.from_config = from_config  # type: ignore[method-assign]
