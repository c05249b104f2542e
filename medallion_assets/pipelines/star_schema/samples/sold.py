"""Sample orders and their lines: what was sold, and how that changes afterwards.

Belongs here: every state of an order and of a line, as text.
Does not: who bought what, or files.
"""

from __future__ import annotations

import polars as pl

from medallion_assets.pipelines.randomness import choose, uniform
from medallion_assets.pipelines.star_schema.samples.shop import (
    DAY,
    HOUR,
    Shop,
    event,
    key_of,
    moment_text,
    money_text,
    states,
)

OUTCOMES = {"Completed": 0.6, "shipped": 0.25, "cancelled": 0.1, "pending": 0.05}
LINES_AT_MOST = 5
UNKNOWN = 0.02
"""The share of customers and products that orders name and no file has."""
NULL = 0.01
MOVED = 0.01
"""Of the orders: their moment is corrected to the next day. Of some of these the lines are forgotten."""
DELETED = 0.01
DISCOUNTS = {"0": 0.6, "0.05": 0.2, "0.1": 0.12, "0.0725": 0.05, "1": 0.03}
SECOND = 1_000_000


def orders(shop: Shop) -> pl.DataFrame:
    """Every state of every order."""
    rows = _orders(shop)
    i, begun = pl.col("index"), pl.col("begun")
    rows = states(
        shop,
        [
            event(rows, begun + SECOND, status=pl.lit("pending"), ordered=begun),
            event(rows, begun + SECOND + shop.between("is settled", HOUR, 3 * DAY), status=pl.col("outcome")),
            event(rows.filter("moves"), pl.col("moved"), ordered=begun + DAY),
            event(rows.filter(shop.happens("is returned", 0.05)), begun + 7 * DAY, status=pl.lit("RETURNED")),
            event(rows.filter(shop.happens("order is deleted", DELETED)), begun + 8 * DAY, is_delete=True),
        ],
        ("status", "ordered"),
    )
    of_nobody = shop.happens("order of nobody", NULL)
    return rows.with_columns(
        order_id=key_of("O", i, 8),
        customer_id=pl.when(~of_nobody).then(key_of("C", _named(shop, "customer", shop.customers))),
        ordered_at=moment_text(pl.col("ordered")),
    )


def order_lines(shop: Shop) -> pl.DataFrame:
    """Every state of every line: one to five an order."""
    order, number = pl.col("order"), pl.col("line_number")
    count = shop.between("lines", 1, LINES_AT_MOST + 1)
    rows = (
        _orders(shop)
        .with_columns(line_number=pl.int_ranges(1, count + 1))
        .explode("line_number")
        .rename({"index": "order"})
        .with_columns(index=order * 8 + number.cast(pl.UInt64))
    )
    begun = pl.col("begun")
    cents = shop.between("unit price", 99, 50_000)
    repriced = shop.between("new unit price", 99, 50_000)
    is_deleted = shop.happens("line is deleted", DELETED)
    with_order = pl.col("moves") & ~is_deleted & ~shop.happens("line is forgotten", 0.1)
    rows = states(
        shop,
        [
            event(rows, begun + SECOND, cents=cents, ordered=begun),
            event(rows.filter(with_order), pl.col("moved"), ordered=begun + DAY),
            event(rows.filter(shop.happens("line is repriced", 0.05)), begun + DAY, cents=repriced),
            event(rows.filter(is_deleted), begun + 4 * DAY, is_delete=True),
        ],
        ("cents", "ordered"),
    ).with_columns(order=pl.col("index") // 8, line_number=pl.col("index") % 8)
    of_nothing = shop.happens("line of nothing", NULL)
    return rows.with_columns(
        order_id=key_of("O", order, 8),
        product_id=pl.when(~of_nothing).then(key_of("P", _named(shop, "product", shop.products), 5)),
        quantity=shop.between("quantity", 1, 11),
        unit_price=money_text(pl.col("cents")),
        discount=choose(uniform(pl.col("index"), shop.seed, "discount"), DISCOUNTS),
        ordered_at=moment_text(pl.col("ordered")),
    )


def _orders(shop: Shop) -> pl.DataFrame:
    """Orders by `index`: when each was begun, how it ends, and whether and when its moment is corrected."""
    begun = pl.col("begun")
    index = pl.int_range(shop.orders, dtype=pl.UInt64, eager=True).alias("index").to_frame()
    return index.with_columns(
        begun=shop.between("begun", shop.start_micros, shop.end_micros),
        outcome=choose(uniform(pl.col("index"), shop.seed, "outcome"), OUTCOMES),
        moves=shop.happens("moves to the next day", MOVED),
    ).with_columns(moved=begun + 5 * DAY)


def _named(shop: Shop, what: str, count: int) -> pl.Expr:
    """One of the keys by number; a few of them are in no file of customers or products."""
    unknown = shop.happens(f"unknown {what}", UNKNOWN)
    return shop.between(f"which {what}", 0, count) + pl.when(unknown).then(count).otherwise(0)
