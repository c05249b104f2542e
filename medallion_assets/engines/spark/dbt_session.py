"""dbt in a session of Spark: what dbt-spark's own session method does not do right, for as long as dbt is called.

Belongs here: the connection that dbt-spark opens, over a session that is handed in.
Does not: relations and their names (deriving.dbt.in_spark).

dbt-spark makes or takes over a session by itself, with Hive, and turns ANSI mode off in it: an overflow, and text that
is no number, would silently be null, in models and in whatever else the session computes. And it puts values of seeds
into SQL as they are: a quote in one ends the text, and a missing one becomes 'None'.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@contextmanager
def dbt_in(spark: SparkSession) -> Iterator[None]:
    """Let dbt work in a session; one call of dbt goes on at a time."""
    from dbt.adapters.spark import session as of_dbt
    from dbt_common.exceptions import DbtRuntimeError
    from pyspark.errors import PySparkException

    @contextmanager
    def as_dbts() -> Iterator[None]:
        try:
            yield
        except PySparkException as error:
            raise DbtRuntimeError(str(error).partition("JVM stacktrace")[0].strip()) from error

    class Cursor(of_dbt.Cursor):  # type: ignore[misc]
        def execute(self, sql: str) -> None:
            with as_dbts():
                self._df = spark.sql(sql)

        def fetchall(self) -> Any:
            with as_dbts():
                return super().fetchall()

    class Connection(of_dbt.SessionConnectionWrapper):  # type: ignore[misc]
        def cursor(self) -> Connection:
            self._cursor = Cursor()
            return self

        def execute(self, sql: str, bindings: Sequence[Any] | None = None) -> None:
            sql = sql.strip().removesuffix(";")
            self._cursor.execute(sql if bindings is None else sql % tuple(map(_literal, bindings)))

    of_dbts = of_dbt.SessionConnectionWrapper
    of_dbt.SessionConnectionWrapper = Connection
    try:
        yield
    finally:
        of_dbt.SessionConnectionWrapper = of_dbts


def _literal(value: Any) -> str:
    """A value in Spark's SQL."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int() | Decimal():
            return str(value)
        case datetime() | date():
            return f"'{value}'"
        case _:
            escaped = str(value).replace("\\", "\\\\").replace("'", "\\'")
            return f"'{escaped}'"
