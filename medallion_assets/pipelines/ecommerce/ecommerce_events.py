"""Silver e-commerce events: what visitors of a shop did, a month at a time (rules E1 to E6).

Belongs here: what makes an event valid, and how the texts of a file become columns.
Does not: how files are read, judged or put in the place of an older version.
"""

from __future__ import annotations

import narwhals as nw

from medallion_assets.contracts.expectations import expect_or_drop
from medallion_assets.contracts.table import Column, Date, Money, SqlTimestampUtc, Table, Text

EVENT_TYPES = ("view", "cart", "remove_from_cart", "purchase")

ECOMMERCE_EVENTS = Table(
    name="silver.ecommerce_events",
    description="What visitors of the shop did: each event of a month's file once, typed and judged.",
    partition_by="event_month",
    columns=(
        Column("event_month", Date(), "the first day of the month whose file contains the event", of_batch=True),
        Column("event_time", SqlTimestampUtc(), "when it happened", source="event_time"),
        Column("event_type", Text(case="lower"), ", ".join(EVENT_TYPES), source="event_type"),
        Column("product_id", Text(), "the product", source="product_id"),
        Column("category_id", Text(), "the product's category", source="category_id"),
        Column("category_code", Text(), "its name, where it has one", source="category_code", nullable=True),
        Column("brand", Text(case="lower"), "the product's brand, where it has one", source="brand", nullable=True),
        Column("price", Money, "the product's price then, in units of currency", source="price", nullable=True),
        Column("user_id", Text(), "the visitor", source="user_id"),
        Column("user_session", Text(), "the visit, where it is known", source="user_session", nullable=True),
    ),
    expectations=(
        expect_or_drop(
            "outside_month", nw.col("event_time").dt.truncate("1mo").dt.date() == nw.col("event_month"), "event_time"
        ),
        expect_or_drop("event_type_unknown", nw.col("event_type").is_in(EVENT_TYPES), "event_type"),
        expect_or_drop("valid_price", nw.col("price") >= 0, "price"),
    ),
)
FILE_COLUMNS = tuple(column.source for column in ECOMMERCE_EVENTS.columns if column.source is not None)
"""What each file has to have in its header."""
