"""Files of libraries that never change, read once a process and not once a test.

Belongs here: what a profile of the suite shows to be read again and again. Does not: anything that a test writes.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import boto3
from botocore.loaders import JSONFileLoader
from moto.core.models import MockAWS

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
    _share_the_session_of_mocks()
    if "dagster" in sys.modules:
        _keep_migrations()


def _share_the_session_of_mocks() -> None:
    """Within a mock boto3 has a session that knows no account: the same one within every mock, and never outside."""
    make: Any = MockAWS.__init__
    session = boto3.Session()

    def init(mock: MockAWS, config: Any = None) -> None:
        make(mock, config)
        mock._default_session_mock = patch("boto3.DEFAULT_SESSION", session)

    MockAWS.__init__ = init  # type: ignore[method-assign]


def _keep_migrations() -> None:
    from alembic.script import ScriptDirectory

    read: Any = ScriptDirectory.from_config
    known: dict[str | None, ScriptDirectory] = {}

    def from_config(config: Config) -> ScriptDirectory:
        if config.config_file_name not in known:
            known[config.config_file_name] = read(config)
        return known[config.config_file_name]

    ScriptDirectory.from_config = from_config  # type: ignore[method-assign]
