"""The published AWS guidance for incremental exports: Spark, `read.json`, `MERGE INTO` an Iceberg table by `Keys`.

It does: take the columns and their types from the full export, make the table from it, and then one job a window: the
key's name from the first line of the first data file, a staging table, a merge by key.
It does not: look at write times, verify files, judge values (all stay text), or remember which exports are in. A window
whose first data file has no line ends its job as one without changes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from benchmarks.peers.deliveries import Delivery
from benchmarks.peers.session import CATALOG

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.types import StructType


class IcebergMerge:
    """One Iceberg table of a table in DynamoDB."""

    name = "Spark, Iceberg (AWS guidance)"

    def __init__(self, spark: SparkSession, table: str) -> None:
        self._spark, self._table, self._stage = spark, f"{CATALOG}.db.{table}", f"{CATALOG}.db.{table}_stage"
        self._types: dict[str, str] = {}

    def load(self, delivery: Delivery) -> None:
        """The job of one export."""
        if delivery.is_full:
            self._load_full(delivery)
        else:
            self._merge(delivery)

    def rows(self) -> list[dict[str, str | None]]:
        """The table, its values as texts in DynamoDB's spelling, by attribute."""
        return [row.asDict() for row in self._spark.table(self._table).collect()]

    def _load_full(self, delivery: Delivery) -> None:
        records = self._spark.read.json(delivery.data_files)
        self._types = _types(records.schema["Item"].dataType)
        items = records.selectExpr(*(f"Item.{name}.{kind} AS {name}" for name, kind in self._types.items()))
        items.writeTo(self._table).using("iceberg").createOrReplace()

    def _merge(self, delivery: Delivery) -> None:
        files = delivery.data_files
        first_line = self._spark.read.text(files[0]).head()
        if first_line is None or not first_line[0].strip():
            return
        keys = list(json.loads(first_line[0])["Keys"])
        records = self._spark.read.json(files)
        there = [name for name in _types(records.schema["NewImage"].dataType) if name in self._types]
        records.selectExpr(
            *(f"Keys.{name}.{self._types[name]} AS Keys_{name}" for name in keys),
            *(f"NewImage.{name}.{self._types[name]} AS {name}" for name in there),
        ).writeTo(self._stage).using("iceberg").createOrReplace()
        values = ", ".join(f"s.{name}" if name in there else "NULL" for name in self._types)
        self._spark.sql(f"""
            MERGE INTO {self._table} t USING {self._stage} s
            ON {" AND ".join(f"t.{name} = s.Keys_{name}" for name in keys)}
            WHEN MATCHED AND {" AND ".join(f"s.{name} IS NULL" for name in keys)} THEN DELETE
            WHEN MATCHED THEN UPDATE SET {", ".join(f"t.{name} = s.{name}" for name in there)}
            WHEN NOT MATCHED THEN INSERT ({", ".join(self._types)}) VALUES ({values})
        """)


def _types(image: StructType) -> dict[str, str]:
    """The descriptor (S, N, ...) of each attribute that Spark saw."""
    return {field.name: field.dataType.fieldNames()[0] for field in image.fields}
