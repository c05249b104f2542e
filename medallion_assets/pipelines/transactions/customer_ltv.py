"""Gold customer lifetime value: what each customer was worth, as of a day.

Belongs here: value, frequency, recency and the scores made of them (rules G3 and G4).
Does not: what counts as a sale, or which days are computed anew.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import narwhals as nw

from medallion_assets.contracts.money import UNITS, half_up, money, to_money, to_units, whole
from medallion_assets.contracts.table import Column, Date, Integer, Money, Table, Text
from medallion_assets.pipelines.transactions.sales import sales_rows

CUSTOMER_LTV = Table(
    name="gold.customer_ltv",
    description="Lifetime value, frequency, recency and RFM scores of every customer, as of a business day.",
    key=("as_of_date", "customer_id"),
    partition_by="as_of_date",
    columns=(
        Column("as_of_date", Date(), "the business day up to which everything counts, inclusive"),
        Column("customer_id", Text(trim=False), "a customer with a counted transaction by then"),
        Column("first_order_date", Date(), "business day of the first counted transaction"),
        Column("last_order_date", Date(), "business day of the last counted transaction"),
        Column("order_count", Integer(), "completed and refunded transactions"),
        Column("lifetime_value", Money, "their amount less refunds, in units of currency"),
        Column("average_order_value", Money, "their amount / order_count, half up, in units of currency"),
        Column("recency_days", Integer(), "days from last_order_date to as_of_date"),
        Column("tenure_days", Integer(), "days from first_order_date to as_of_date"),
        Column("orders_per_30_days", Money, "order_count * 30 / tenure_days (at least 1), half up, 4 decimals"),
        Column("recency_score", Integer(), "1 (longest ago) to 5 (latest): fifth of customers by last_order_date"),
        Column("frequency_score", Integer(), "1 (fewest) to 5 (most): fifth of customers by order_count"),
        Column("monetary_score", Integer(), "1 (least) to 5 (most): fifth of customers by lifetime_value"),
        Column("rfm_segment", Text(), "champion, at_risk, loyal, new, lost or regular"),
    ),
)


def customer_days(enriched: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """What a customer bought on a day: the base of every as-of day, which has to fit in memory.

    One row for each `customer_id` and `transaction_date` with a counted row in `enriched` (rows of
    silver.enriched_transactions): `order_count`, and `gross_revenue`, `net_revenue` in units of currency.
    """
    orders, gross, net = nw.col("order_count"), nw.col("gross_revenue"), nw.col("net_revenue")
    by_day = customer_orders(enriched).group_by("customer_id", "transaction_date")
    return by_day.agg(whole(orders.sum()), money(gross.sum()), money(net.sum()))


def customer_orders(enriched: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Each counted row in `enriched`, with the columns of `customer_days`: an order, by itself."""
    amount = nw.col("amount")
    return sales_rows(enriched).select(
        "customer_id",
        "transaction_date",
        whole(nw.lit(1)).alias("order_count"),
        amount.alias("gross_revenue"),
        money(amount - nw.col("refunded_amount")).alias("net_revenue"),
    )


def lifetime_value(days: nw.LazyFrame[Any], as_of: date) -> nw.LazyFrame[Any]:
    """The partition `as_of` of gold.customer_ltv, from rows of `customer_days` or `customer_orders`.

    It has the columns of the contract. Days after `as_of` do not count. On PySpark the three rankings each sort the
    customers in one partition.
    """
    gross, orders = nw.col("gross_revenue"), nw.col("order_count")
    day = nw.col("transaction_date")
    tenure = whole(nw.max_horizontal(nw.col("tenure_days"), nw.lit(1)))
    return (
        days.filter(day <= nw.lit(as_of))
        .group_by("customer_id")
        .agg(
            day.min().alias("first_order_date"),
            day.max().alias("last_order_date"),
            whole(orders.sum()),
            money(gross.sum()),
            money(nw.col("net_revenue").sum()).alias("lifetime_value"),
        )
        .with_columns(
            nw.lit(as_of).alias("as_of_date"),
            (as_of.toordinal() - _day_number("last_order_date")).alias("recency_days"),
            (as_of.toordinal() - _day_number("first_order_date")).alias("tenure_days"),
            _score("last_order_date").alias("recency_score"),
            _score("order_count").alias("frequency_score"),
            _score("lifetime_value").alias("monetary_score"),
        )
        .with_columns(
            to_money(half_up(to_units("gross_revenue"), orders)).alias("average_order_value"),
            to_money(half_up(orders * (30 * UNITS), tenure)).alias("orders_per_30_days"),
            _rfm_segment().alias("rfm_segment"),
        )
        .select(*CUSTOMER_LTV.column_names)
    )


def clock_figures(*, first_order_date: date, last_order_date: date, order_count: int, today: date) -> dict[str, object]:
    """recency_days, tenure_days and orders_per_30_days as of `today` (rule G3; half up to 4 decimals, in integers).

    They are not published: only the clock changes them, so that readers compute them.
    """
    tenure_days = (today - first_order_date).days
    days = max(tenure_days, 1)
    return {
        "recency_days": (today - last_order_date).days,
        "tenure_days": tenure_days,
        "orders_per_30_days": Decimal((2 * order_count * 30 * UNITS + days) // (2 * days)).scaleb(-Money.scale),
    }


def _score(measure: str) -> nw.Expr:
    """ceil(5 * r / n), r the rank from 1 by (`measure`, customer_id) ascending among all n rows (rule G4)."""
    rank = whole(nw.col("customer_id").cum_count().over(order_by=(measure, "customer_id")))
    customers = whole(nw.len())
    return whole((rank * 5 + customers - 1) // customers)


def _rfm_segment() -> nw.Expr:
    """The first that fits (rule G4)."""
    recency, frequency, monetary = nw.col("recency_score"), nw.col("frequency_score"), nw.col("monetary_score")
    once = nw.col("order_count") == 1
    return (
        nw.when((recency >= 4) & (frequency >= 4) & (monetary >= 4))
        .then(nw.lit("champion"))
        .when((recency <= 2) & (frequency >= 3))
        .then(nw.lit("at_risk"))
        .when(frequency >= 4)
        .then(nw.lit("loyal"))
        .when(once & (recency >= 4))
        .then(nw.lit("new"))
        .when(recency == 1)
        .then(nw.lit("lost"))
        .otherwise(nw.lit("regular"))
    )


def _day_number(day: str) -> nw.Expr:
    """`date.toordinal` of a column, in integers only: Narwhals cannot subtract dates on PySpark."""
    past_years = whole(nw.col(day).dt.year()) - 1
    leap_days = past_years // 4 - past_years // 100 + past_years // 400
    return whole(past_years * 365 + leap_days + whole(nw.col(day).dt.ordinal_day()))
