"""The database of Dagster's runs: whether it answers, and takes what is written to it.

Belongs here: asking a PostgreSQL, and what a person does about its answer. Does not: what Dagster keeps there.
"""

from __future__ import annotations

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from medallion_assets.errors import PermanentError

FORM = "postgresql+psycopg2://user:password@host:5432/database"
DISK_FULL = "53100"
"""PostgreSQL's code for it. A database whose disk is full lets everybody connect and read."""
PROBE = "CREATE TEMPORARY TABLE medallion_probe ON COMMIT DROP AS SELECT 1 AS one"


class DatabaseError(PermanentError):
    """The database is not there, or accepts no writes."""


def expect_writable(url: str, *, seconds: int) -> str:
    """The place of a database that answers within some seconds and takes writes, without its password.

    Raises:
        DatabaseError: it does not; or the URL is none.
    """
    try:
        place = make_url(url)
        engine = create_engine(place, connect_args={"connect_timeout": seconds})
    except (ArgumentError, SQLAlchemyError, ImportError) as error:
        raise DatabaseError("DAGSTER_POSTGRES_URL is not the URL of a database", do=f"set it to {FORM}") from error
    name = f"{place.host}:{place.port or 5432}/{place.database}"
    try:
        engine.connect().close()
    except SQLAlchemyError as error:
        found = f"no connection to {name} as {place.username}: {_words(error)[-1]}"
        do = "start PostgreSQL (is its disk full?), or correct DAGSTER_POSTGRES_URL"
        raise DatabaseError(found, do=do) from error
    try:
        with engine.begin() as connection:
            connection.execute(text(PROBE))
    except SQLAlchemyError as error:
        is_full = getattr(getattr(error, "orig", None), "pgcode", None) == DISK_FULL
        do = "free space on its disk; everything then recovers by itself" if is_full else "read PostgreSQL's log"
        raise DatabaseError(f"{name} accepts no writes: {_words(error)[0]}", do=do) from error
    return name


def _words(error: Exception) -> list[str]:
    """What a database said, line by line."""
    return [line.strip() for line in str(getattr(error, "orig", error)).strip().splitlines()] or [type(error).__name__]
