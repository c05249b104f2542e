"""What follows from Silver, in the SQL that a team would write on any Spark: enriched rows, sales, lifetime values.

Belongs here: the statements, over views of Silver, and writing what they give in either format.
Does not: Silver itself (delta_merge.py, iceberg_merge.py).

A window of a day with updates and deletes touches every day of a shop, so each table is written anew as a whole:
finding out what to leave would only cost time here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.peers.session import CATALOG

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ENRICHED = """
    SELECT t.transaction_id, t.customer_id, t.transaction_timestamp, t.amount, t.currency, t.product_id,
        t.product_category, t.quantity, t.payment_method, t.status, t.transaction_date,
        coalesce(lower(c.customer_segment), 'unknown') AS customer_segment,
        coalesce(lower(c.region), 'unknown') AS region
    FROM transactions t LEFT JOIN customers c ON t.customer_id = c.customer_id
"""
DAILY_SALES = """
    SELECT transaction_date, product_category, customer_segment, region,
        count(*) AS transaction_count, count(DISTINCT customer_id) AS customer_count, sum(quantity) AS units_sold,
        sum(amount) AS gross_revenue, sum(CASE WHEN status = 'refunded' THEN amount ELSE 0 END) AS refunded_amount,
        sum(CASE WHEN status = 'refunded' THEN 0 ELSE amount END) AS net_revenue,
        CAST(sum(amount) / count(*) AS DECIMAL(18, 4)) AS average_order_value
    FROM enriched WHERE status IN ('completed', 'refunded')
    GROUP BY transaction_date, product_category, customer_segment, region
"""
LIFETIME_VALUE = """
    WITH totals AS (
        SELECT customer_id, min(transaction_date) AS first_order_date, max(transaction_date) AS last_order_date,
            count(*) AS order_count, sum(amount) AS gross_revenue,
            sum(CASE WHEN status = 'refunded' THEN 0 ELSE amount END) AS lifetime_value
        FROM enriched WHERE status IN ('completed', 'refunded') GROUP BY customer_id
    )
    SELECT *, CAST(gross_revenue / order_count AS DECIMAL(18, 4)) AS average_order_value,
        ntile(5) OVER (ORDER BY last_order_date, customer_id) AS recency_score,
        ntile(5) OVER (ORDER BY order_count, customer_id) AS frequency_score,
        ntile(5) OVER (ORDER BY lifetime_value, customer_id) AS monetary_score
    FROM totals
"""
TYPED = """
    SELECT transaction_id, customer_id, CAST(transaction_timestamp AS TIMESTAMP) AS transaction_timestamp,
        CAST(amount AS DECIMAL(18, 4)) AS amount, currency, product_id, product_category,
        CAST(quantity AS BIGINT) AS quantity, payment_method, status,
        to_date(from_utc_timestamp(CAST(transaction_timestamp AS TIMESTAMP), 'America/Los_Angeles')) AS transaction_date
    FROM {table}
"""
"""Transactions of a table of texts."""
SUMS = "SELECT CAST(sum(net_revenue) AS STRING), CAST(sum(transaction_count) AS STRING) FROM daily_sales"

CUSTOMER_COLUMNS = ("customer_id", "customer_name", "email", "customer_segment", "region", "signup_date")


class PeerGold:
    """The tables after Silver. `folder` holds Delta tables; without one they are Iceberg's, in the catalog."""

    def __init__(self, spark: SparkSession, folder: Path | None) -> None:
        self._spark, self._folder = spark, folder

    def load_customers(self, data_files: Sequence[str]) -> None:
        """A full export of customers."""
        items = self._spark.read.json(list(data_files)).selectExpr(
            *(f"Item.{name}.S AS {name}" for name in CUSTOMER_COLUMNS)
        )
        self._write("customers", items)

    def enrich(self, transactions: DataFrame) -> None:
        """Each transaction with its customer's segment and region."""
        transactions.createOrReplaceTempView("transactions")
        self._read("customers").createOrReplaceTempView("customers")
        self._write("enriched", self._spark.sql(ENRICHED), partition_by="transaction_date")

    def summarise(self) -> None:
        """Sales of every day, and the lifetime value of every customer."""
        self._read("enriched").createOrReplaceTempView("enriched")
        self._write("daily_sales", self._spark.sql(DAILY_SALES), partition_by="transaction_date")
        self._write("lifetime_value", self._spark.sql(LIFETIME_VALUE))

    def sums(self) -> tuple[str, str]:
        """Net revenue and number of sales, for whoever compares them."""
        self._read("daily_sales").createOrReplaceTempView("daily_sales")
        revenue, count = self._spark.sql(SUMS).collect()[0]
        return str(revenue), str(count)

    def _write(self, name: str, rows: DataFrame, *, partition_by: str | None = None) -> None:
        if self._folder is None:
            writer = rows.writeTo(f"{CATALOG}.db.{name}").using("iceberg")
            (writer.partitionedBy(rows[partition_by]) if partition_by else writer).createOrReplace()
            return
        plain = rows.write.format("delta").mode("overwrite")
        (plain.partitionBy(partition_by) if partition_by else plain).save(str(self._folder / name))

    def _read(self, name: str) -> DataFrame:
        if self._folder is None:
            return self._spark.table(f"{CATALOG}.db.{name}")
        return self._spark.read.format("delta").load(str(self._folder / name))
