"""dbt in a session of Spark: what dbt-spark's own session method does not do right, for as long as dbt is called.

Belongs here: the connection that dbt-spark opens, over a session that is handed in.
Does not: relations and their names.

dbt-spark makes or takes over a session by itself, with Hive, and turns ANSI mode off in it: an overflow, and text that
is no number, would silently be null, in models and in whatever else the session computes. And it puts values of seeds
into SQL as they are: a quote in one ends the text, and a missing one becomes 'None'.

Nor does that method cancel anything: dbt, interrupted, waits until its threads have finished their statements.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from medallion_assets.engines.spark.calls import cancel

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@contextmanager
def dbt_in(spark: SparkSession) -> Iterator[None]:
    """Let dbt work in a session; one call of dbt goes on at a time. Of one that is interrupted nothing goes on."""
    from dbt.adapters.spark import session as of_dbt

    statements = _Statements(spark)

    class Cursor(of_dbt.Cursor):  # type: ignore[misc]
        def execute(self, sql: str) -> None:
            with statements.running():
                self._df = spark.sql(sql)

        def fetchall(self) -> Any:
            with statements.running():
                return super().fetchall()

    class Connection(of_dbt.SessionConnectionWrapper):  # type: ignore[misc]
        def cursor(self) -> Connection:
            self._cursor = Cursor()
            return self

        def execute(self, sql: str, bindings: Sequence[Any] | None = None) -> None:
            sql = sql.strip().removesuffix(";")
            self._cursor.execute(sql if bindings is None else sql % tuple(map(_literal, bindings)))

        def cancel(self) -> None:
            statements.end()

    of_dbts = of_dbt.SessionConnectionWrapper
    of_dbt.SessionConnectionWrapper = Connection
    try:
        yield
    except BaseException:
        statements.end()
        raise
    finally:
        of_dbt.SessionConnectionWrapper = of_dbts


@dataclass
class _Statements:
    """Those that run in dbt's threads."""

    spark: SparkSession
    are_over: bool = False
    at_work: list[object] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[None]:
        """One more; what Spark says of it is dbt's error."""
        from dbt_common.exceptions import DbtRuntimeError
        from pyspark.errors import PySparkException

        statement = object()
        self.at_work.append(statement)
        try:
            if self.are_over:
                raise DbtRuntimeError("the run was interrupted")
            yield
        except PySparkException as error:
            raise DbtRuntimeError(str(error).partition("JVM stacktrace")[0].strip()) from error
        finally:
            self.at_work.remove(statement)

    def end(self) -> None:
        """Begin no other one, and end those at work."""
        self.are_over = True
        if self.at_work:
            cancel(self.spark, lambda: bool(self.at_work))


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
