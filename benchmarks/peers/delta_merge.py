"""The usual code on Spark and delta-spark: `from_json`, `dropDuplicates`, `MERGE INTO`.

It does: keep every line in Bronze, type and filter transactions, overwrite Silver with a full export, merge a window by
key, delete what a window deletes. With `by_write_time` a careful team's condition is added: a change counts only if it
was written later than the row that it meets.
It does not: verify files, say which lines it filtered, remember which exports are in, or keep when a row was deleted.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.peers.deliveries import Delivery

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_TEXTS = (
    "transaction_id",
    "customer_id",
    "transaction_timestamp",
    "currency",
    "product_id",
    "product_category",
    "payment_method",
    "status",
)
_NUMBERS = {"amount": "decimal(18,4)", "quantity": "bigint"}
ATTRIBUTES = (*_TEXTS, *_NUMBERS)
_IMAGE = "STRUCT<{}>".format(
    ", ".join([f"{name}: STRUCT<S: STRING>" for name in _TEXTS] + [f"{name}: STRUCT<N: STRING>" for name in _NUMBERS])
)
_RECORD = (
    f"Item {_IMAGE}, NewImage {_IMAGE}, Keys STRUCT<transaction_id: STRUCT<S: STRING>>, "
    "Metadata STRUCT<WriteTimestampMicros: STRUCT<N: STRING>>"
)


class DeltaMerge:
    """Bronze and Silver transactions in a folder."""

    def __init__(self, spark: SparkSession, folder: Path, *, by_write_time: bool = False) -> None:
        self.name = "Spark, delta-spark" + (", by write time" if by_write_time else "")
        self._spark, self._by_write_time = spark, by_write_time
        self._bronze, self._silver = str(folder / "bronze"), str(folder / "silver")

    def load(self, delivery: Delivery) -> None:
        """The job of one export."""
        self.bronze(delivery)
        self.silver(delivery)

    def bronze(self, delivery: Delivery) -> None:
        """Its lines, as they are."""
        from pyspark.sql import functions as f

        lines = self._spark.read.text(delivery.data_files).withColumn("export_id", f.lit(delivery.export_id))
        lines.write.format("delta").partitionBy("export_id").mode("append").save(self._bronze)

    def silver(self, delivery: Delivery) -> None:
        """What they say, as one row a transaction."""
        from delta.tables import DeltaTable

        changes = self._changes(delivery)
        if delivery.is_full:
            rows = changes.drop("is_delete")
            (
                rows.write.format("delta")
                .mode("overwrite")
                .option("overwriteSchema", "true")
                .partitionBy("transaction_date")
                .save(self._silver)
            )
            return
        is_newer = (
            "(t.written_micros IS NULL OR s.written_micros > t.written_micros)" if self._by_write_time else "true"
        )
        columns = {name: f"s.{name}" for name in changes.columns if name != "is_delete"}
        (
            DeltaTable.forPath(self._spark, self._silver)
            .alias("t")
            .merge(changes.alias("s"), "t.transaction_id = s.transaction_id")
            .whenMatchedDelete(f"s.is_delete AND {is_newer}")
            .whenMatchedUpdate(is_newer, columns)
            .whenNotMatchedInsert("NOT s.is_delete", columns)
            .execute()
        )

    def rows(self) -> list[dict[str, str | None]]:
        """Silver, its values as texts in DynamoDB's spelling, by attribute."""
        from pyspark.sql import functions as f

        moment = f.date_format("transaction_timestamp", "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'")
        silver = self._spark.read.format("delta").load(self._silver)
        texts = silver.withColumn("transaction_timestamp", moment).select(
            *(f.col(name).cast("string") for name in ATTRIBUTES)
        )
        return [row.asDict() for row in texts.collect()]

    def _changes(self, delivery: Delivery) -> DataFrame:
        from pyspark.sql import functions as f

        lines = self._spark.read.format("delta").load(self._bronze).where(f.col("export_id") == delivery.export_id)
        record = lines.select(f.from_json("value", _RECORD).alias("record")).select("record.*")
        key = f.coalesce("Keys.transaction_id.S", "Item.transaction_id.S")
        image = f.coalesce("NewImage", "Item")
        typed = record.select(key.alias("key"), image.alias("image"), "Metadata").select(
            f.col("key").alias("transaction_id"),
            *(f.col(f"image.{name}.S").alias(name) for name in _TEXTS[1:] if name != "transaction_timestamp"),
            f.to_timestamp("image.transaction_timestamp.S").alias("transaction_timestamp"),
            *(f.col(f"image.{name}.N").cast(kind).alias(name) for name, kind in _NUMBERS.items()),
            f.col("Metadata.WriteTimestampMicros.N").cast("bigint").alias("written_micros"),
            f.col("image").isNull().alias("is_delete"),
        )
        local = f.from_utc_timestamp("transaction_timestamp", "America/Los_Angeles")
        is_good = f.col("amount").isNotNull() & (f.col("amount") > 0) & f.col("transaction_timestamp").isNotNull()
        return (
            typed.withColumn("transaction_date", f.to_date(local))
            .where(f.col("transaction_id").isNotNull() & (f.col("is_delete") | is_good))
            .dropDuplicates(["transaction_id"])
        )
