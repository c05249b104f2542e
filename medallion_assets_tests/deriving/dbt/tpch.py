"""TPC-H as Silver of the shop: its customers, parts, orders and lines, made by tpchgen-cli.

Belongs here: generating it, the SQL that gives it Silver's columns, and planting it day by day.
Does not: what the star makes of it.

Nations are countries, market segments are segments. Every order is completed, at noon in UTC of its day. A line's price
is its extended price by its quantity, which is exact.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from medallion_assets.contracts.table import Table
from medallion_assets.delta.duckdb.views import connect
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Lakehouse
from medallion_assets.pipelines.star_schema.crm_customers import CRM_CUSTOMERS
from medallion_assets.pipelines.star_schema.order_lines import ORDER_LINES
from medallion_assets.pipelines.star_schema.orders import ORDERS
from medallion_assets.pipelines.star_schema.products import PRODUCTS

TABLES = ("customer", "nation", "part", "orders", "lineitem")
STAGE = "false as is_deleted, 0 as _sequence_micros, 'tpch' as _export_id"
HISTORY = f"timestamptz '1992-01-01' as valid_from, null as valid_to, true as is_current, {STAGE}"
NOON = "(o_orderdate + time '12:00')::timestamp at time zone 'UTC' as ordered_at, o_orderdate as order_date"
SILVER: Mapping[Table, str] = {
    CRM_CUSTOMERS: "select c_custkey::text as customer_id, c_name as first_name, c_phone as last_name, null as email, "
    f"c_address as city, n_name as country, lower(c_mktsegment) as segment, {HISTORY} "
    "from customer join nation on c_nationkey = n_nationkey",
    PRODUCTS: "select p_partkey::text as product_id, p_name as product_name, lower(p_brand) as category, "
    f"p_retailprice as list_price, {HISTORY} from part",
    ORDERS: f"select o_orderkey::text as order_id, o_custkey::text as customer_id, 'completed' as status, {NOON}, "
    f"{STAGE} from orders",
    ORDER_LINES: "select l_orderkey::text as order_id, l_linenumber as line_number, l_partkey::text as product_id, "
    "l_quantity as quantity, (l_extendedprice / l_quantity)::decimal(18, 4) as unit_price, l_discount as discount, "
    f"{NOON}, {STAGE} from lineitem join orders on l_orderkey = o_orderkey",
}
REVENUE = """
    select
        n_name as nation, year(o_orderdate) as year,
        sum(l_extendedprice * (1 - l_discount))::decimal(28, 4) as revenue
    from lineitem join orders on l_orderkey = o_orderkey join customer on o_custkey = c_custkey
    join nation on c_nationkey = n_nationkey group by all order by all
"""


def generate(folder: Path, scale: float) -> None:
    """Write the tables as Parquet files, unless they are there."""
    if all((folder / f"{table}.parquet").exists() for table in TABLES):
        return
    folder.mkdir(parents=True, exist_ok=True)
    command = Path(sys.executable).parent / "tpchgen-cli"
    for table in TABLES:
        given = ["parquet", "-s", str(scale), f"--tables={table}", f"--output-dir={folder}"]
        subprocess.run([str(command), *given], check=True, capture_output=True)


def query(folder: Path, sql: str, *, since: str = "1990-01-01", until: str = "2040-01-01") -> pl.DataFrame:
    """What SQL gives of the generated tables; of orders those from `since` and before `until` alone."""
    with connect() as connection:
        for table in TABLES:
            where = f"where o_orderdate >= '{since}' and o_orderdate < '{until}'" if table == "orders" else ""
            file = folder / f"{table}.parquet"
            connection.execute(f"create view {table} as select * from read_parquet('{file}') {where}")
        return pl.DataFrame(connection.sql(sql))


def plant_tpch(lakehouse: Lakehouse, folder: Path, **days: str) -> None:
    """Make it what Silver holds, a file for each day of orders and lines."""
    for table, sql in SILVER.items():
        schema = polars_schema(table)
        rows = query(folder, sql, **days).select(pl.col(name).cast(kind) for name, kind in schema.items())
        snapshot = lakehouse.ready(table)
        parts = rows.partition_by(table.partition_by, as_dict=True) if table.partition_by else {(None,): rows}
        del rows
        snapshot.commit([snapshot.folder.write(part.lazy(), partition=day) for (day,), part in parts.items()])
