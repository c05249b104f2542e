"""In Spark: dbt makes its models in the session of the engine, in schemas of the run's own, which are dropped.

Belongs here: names of relations in Spark, and DuckDB views over the files of what was made.
Does not: how dbt reaches the session, or what is read of the views.

Sources are temporary views, so nothing of ours stays in a catalog. Spark lets no lasting view read one of these: what a
project declares as a view is a table of the run. Each run has schemas of its own, for a catalog may have a `gold` of
somebody else, and another build of this process may go on beside it. Their files lie in the workspace of the lakehouse.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import duckdb
import narwhals as nw

from medallion_assets.contracts.columns import IS_DELETED
from medallion_assets.contracts.pipeline import DbtModels
from medallion_assets.contracts.policies import DuckDBLimits
from medallion_assets.delta.duckdb.views import connect, quoted, text
from medallion_assets.delta.storage_errors import not_a_table
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.deriving.dbt.built import Build
from medallion_assets.deriving.dbt.warehouses.warehouse import Paths
from medallion_assets.engines.aside import Place
from medallion_assets.engines.spark.calls import called
from medallion_assets.engines.spark.dbt_session import dbt_in
from medallion_assets.engines.spark.engine import SparkEngine
from medallion_assets.engines.spark.failures import loss_in
from medallion_assets.engines.spark.frames import hadoop_place
from medallion_assets.engines.spark.session import session
from medallion_assets.errors import DiskFullError, MedallionError, TransientError
from medallion_assets.storage.stores import download, open_store

if TYPE_CHECKING:  # dbt takes seconds to import
    from dbt.contracts.graph.manifest import Manifest

TEMPORARY = "global_temp"
"""The schema of views that no catalog keeps, in Spark's words."""
TEST_MACRO = "macro.dbt.materialization_test_default"
TEST = """
{% materialization test, default %}
  {% set found %}{{ get_limit_subquery_sql(sql, config.get("limit")) }}{% endset %}
  {% set relations = [] %}
  {% call statement("main", fetch_result=True) %}
    {{ get_test_sql(found, config.get("fail_calc"), config.get("warn_if"), config.get("error_if"), limit=none) }}
  {% endcall %}
  {% if should_store_failures() and load_result("main")["data"][0][0] %}
    {% set kept = api.Relation.create(identifier=model["alias"], schema=schema, database=database, type="table") %}
    {% call statement(auto_begin=True) %}{{ get_create_sql(kept, found) }}{% endcall %}
    {% do relations.append(kept) %}
  {% endif %}
  {{ return({"relations": relations}) }}
{% endmaterialization %}
"""
"""Tests ask first, and keep rows at fault if there are any. dbt's own writes a table for each that passes as well."""


@contextmanager
def in_spark(lakehouse: Lakehouse) -> Iterator[InSpark]:
    """The warehouse for one run; whatever was made there is gone afterwards.

    Raises:
        PermanentError, TransientError: there is no Spark, as `session` says.
    """
    engine = lakehouse.engine
    assert isinstance(engine, SparkEngine)  # noqa: S101 - of that name there is one
    spark = session(engine.settings)
    with lakehouse.workspace() as place:
        warehouse = InSpark(engine=engine, spark=spark, place=place)
        try:
            yield warehouse
        finally:
            with suppress(Exception):  # a session that is lost has lost all of it
                warehouse.drop()


@dataclass(frozen=True, kw_only=True)
class InSpark:
    """The session of an engine, and the schemas and files of one run."""

    engine: SparkEngine
    spark: Any
    place: Place
    adapter: str = "spark"
    prefix: str = field(default_factory=lambda: f"medallion_{uuid.uuid4().hex[:12]}_")
    schemas: set[str] = field(default_factory=set)
    views: list[str] = field(default_factory=list)

    def output(self, run: Path, limits: DuckDBLimits) -> dict[str, Any]:  # noqa: ARG002 - it is in no folder
        """The session of this process. Models that do not wait for each other are made side by side."""
        return {"type": self.adapter, "method": "session", "host": "none", "schema": "main", "threads": limits.threads}

    def connected(self) -> AbstractContextManager[None]:
        """The session of the engine, which dbt is handed."""
        return dbt_in(self.spark)

    def fit(self, manifest: Manifest) -> None:
        """Give relations the names of this run, in schemas that lie in its place."""
        for source in manifest.sources.values():
            source.schema, source.identifier = TEMPORARY, self._view(source.schema, source.identifier)
        for node in manifest.nodes.values():
            self._make_schema(node.schema)
            node.schema = f"{self.prefix}{node.schema}"
            if node.config.materialized == "view":
                node.config.materialized = "table"
        manifest.macros[TEST_MACRO].macro_sql = TEST

    def make_sources(self, run: Path, sources: Sequence[Snapshot], paths: Paths) -> None:  # noqa: ARG002
        """Temporary views, which are gone with the run."""
        for source in sources:
            try:
                rows = self.engine.scan(source.part(paths=paths.get(source.table.name)))
            except FileNotFoundError as error:
                what = f"version {source.version} of {source.table.name}"
                raise not_a_table(what, source.uri, f"a file that its log names is not there: {error}") from error
            if source.table.has_tombstones:
                rows = rows.filter(~nw.col(IS_DELETED).fill_null(value=False))
            name = self._view(source.table.layer, source.table.short_name)
            called(self.spark, partial(rows.to_native().createOrReplaceGlobalTempView, name))
            self.views.append(name)

    def rows_in(self, node: Any) -> str | None:
        """The view of `made`."""
        if getattr(node, "relation_name", None) is None:
            return None
        return f"{quoted(node.schema.removeprefix(self.prefix))}.{quoted(node.alias)}"

    def no_room_error(self, what: str, said: str) -> MedallionError | None:
        """Of a disk, or of processes that were lost, or lacked memory."""
        if "No space left on device" in said:
            do = "free space where Spark's processes spill (spark.local.dir, or the disks of the cluster)"
            return DiskFullError(f"{what}: a disk of Spark's is full", found=said, do=f"{do}; nothing was published")
        return loss_in(said)

    @contextmanager
    def made(
        self, run: Path, limits: DuckDBLimits, models: DbtModels, built: Build
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """Views over the Parquet files of published models, or of the rows at fault."""
        made = [(table.layer, table.short_name) for table in models.models]
        at_fault = [_parts(node.rows_in) for node in built.failed if node.status == "fail" and node.rows_in]
        with connect() as connection:
            connection.execute(f"set memory_limit = '{limits.memory}'")
            connection.execute(f"set threads = {limits.threads}")
            connection.execute(f"set temp_directory = {text(str(run / 'spilled'))}")
            for schema, table in made if not built.failed else at_fault:
                files = self._files(schema, table, run / "made" / schema / table)
                connection.execute(f"create schema if not exists {quoted(schema)}")
                connection.execute(
                    f"create view {quoted(schema)}.{quoted(table)} as "
                    f"from read_parquet([{', '.join(map(text, files))}], hive_partitioning = false)"
                )
            yield connection

    def drop(self) -> None:
        """Drop what dbt made, and the views of sources."""
        for schema in self.schemas:
            self._sql(f"drop schema if exists `{self.prefix}{schema}` cascade")
        for view in self.views:
            called(self.spark, partial(self.spark.catalog.dropGlobalTempView, view))

    def _sql(self, statement: str) -> None:
        called(self.spark, partial(self.spark.sql, statement))

    def _view(self, schema: str, name: str) -> str:
        return f"{self.prefix}{schema}__{name}"

    def _make_schema(self, schema: str) -> None:
        if schema not in self.schemas:
            location = text(f"{hadoop_place(self.place.url)}/{schema}")
            self._sql(f"create schema if not exists `{self.prefix}{schema}` location {location}")
            self.schemas.add(schema)

    def _files(self, schema: str, table: str, folder: Path) -> list[str]:
        """The files of a table, on this machine; those of a bucket are downloaded into a folder."""
        frame = called(self.spark, partial(self.spark.table, f"`{self.prefix}{schema}`.`{table}`"))
        folder.mkdir(parents=True)
        uris = called(self.spark, frame.inputFiles)
        files = [self._local(uri, folder / f"{number}.parquet") for number, uri in enumerate(uris)]
        if not files:  # as a table without rows may have none
            self.engine.fetch(nw.from_native(frame)).write_parquet(folder / "empty.parquet")
        return files or [str(folder / "empty.parquet")]

    def _local(self, uri: str, file: Path) -> str:
        path = unquote(urlsplit(uri).path)
        if not self.place.url.startswith("s3://"):
            return path
        store = open_store(f"s3://{urlsplit(uri).netloc}", self.place.storage_options)
        if not download(store, path.lstrip("/"), file):
            raise TransientError("a file that Spark has just written is gone", expected=uri, found="nothing there")
        return str(file)


def _parts(name: str) -> tuple[str, str]:
    """Schema and table of a quoted name."""
    schema, table = name.strip('"').split('"."')
    return schema, table
