"""Sample customers and products: who and what there is, and how they change.

Belongs here: every state of a customer and of a product, as text.
Does not: orders, or files.
"""

from __future__ import annotations

import polars as pl

from medallion_assets.pipelines.randomness import below, choose, one_of, uniform
from medallion_assets.pipelines.star_schema.samples.shop import DAY, HOUR, Shop, event, key_of, money_text, states

FIRST_NAMES = (
    "ada",
    "boris",
    "chloé",
    "dong-min",
    "elif",
    "fatou",
    "gabriel",
    "hana",
    "igor",
    "jean-luc",
    "kofi",
    "lena",
)
LAST_NAMES = ("almeida", "brandt", "chen", "d'angelo", "eze", "fontaine", "o'brien", "novák", "silva", "smith-jones")
CITIES = {
    "Berlin|Germany": 0.16,
    "Lagos|Nigeria": 0.12,
    "Lyon|France": 0.12,
    "Osaka|Japan": 0.14,
    "Portland|United States": 0.24,
    "São Paulo|Brazil": 0.22,
}
SEGMENTS = {"consumer": 0.6, "Corporate": 0.25, "HOME OFFICE": 0.15}
NEXT_SEGMENT = {"consumer": "corporate", "Corporate": "home office", "HOME OFFICE": "consumer"}
CATEGORIES = {"Furniture": 0.25, "office supplies": 0.45, "TECHNOLOGY": 0.3}
THINGS = ("chair", "desk", "lamp", "paper", "pen", "phone", "printer", "scanner", "shelf", "toner")
KNOWN_BEFORE = 0.85
"""Of all customers and products: there before the first day. The others appear one by one."""
CITY_MISSING = 0.08


def customers(shop: Shop) -> pl.DataFrame:
    """Every state of every customer. Some change twice on one day, some are only touched, some leave and return."""
    rows = _born(shop, shop.customers, "customer")
    place = choose(uniform(pl.col("index"), shop.seed, "place"), CITIES)
    moved_to = choose(uniform(pl.col("index"), shop.seed, "moved to"), CITIES)
    segment = choose(uniform(pl.col("index"), shop.seed, "segment"), SEGMENTS)
    later = shop.between("customer changes", pl.max_horizontal("born", pl.lit(shop.start_micros)) + 1, shop.end_micros)
    rows = rows.with_columns(segment=segment, changes=later)
    leaves = rows.filter(shop.happens("customer leaves", 0.05)).with_columns(
        leaves=shop.between("leaves", pl.col("changes") + DAY, shop.end_micros)
    )
    rows = states(
        shop,
        [
            event(rows, pl.col("born"), place=place, segment=pl.col("segment")),
            event(rows.filter(shop.happens("moves", 0.2)), pl.col("changes"), place=moved_to),
            event(
                rows.filter(shop.happens("is promoted", 0.15)),
                pl.col("changes") + 2 * HOUR,
                segment=pl.col("segment").replace(NEXT_SEGMENT),
            ),
            event(rows.filter(shop.happens("is touched", 0.06)), pl.col("changes") + 3 * HOUR),
            event(leaves, pl.col("leaves"), is_delete=True),
            event(leaves.filter(shop.happens("returns", 0.5)), pl.col("leaves") + 3 * DAY + HOUR, place=moved_to),
        ],
        ("place", "segment"),
    )
    i = pl.col("index")
    first = one_of(uniform(i, shop.seed, "first name"), FIRST_NAMES)
    last = one_of(uniform(i, shop.seed, "last name"), LAST_NAMES)
    city, country = (pl.col("place").str.split("|").list.get(part) for part in (0, 1))
    return rows.with_columns(
        customer_id=key_of("C", i),
        first_name=_typed_by_hand(first, uniform(i, shop.seed, "first name, hand")),
        last_name=_typed_by_hand(last, uniform(i, shop.seed, "last name, hand")),
        email=pl.when(~shop.happens("no email", 0.1)).then(pl.format("c{}@example.com", i)),
        city=pl.when(~shop.happens("no city", CITY_MISSING)).then(city),
        country=country,
    )


def products(shop: Shop) -> pl.DataFrame:
    """Every state of every product: prices change, a few change their category, a few are withdrawn."""
    i = pl.col("index")
    rows = _born(shop, shop.products, "product").with_columns(
        cents=99 + below(uniform(i, shop.seed, "price") ** 3, 100_000).cast(pl.Int64),
        changes=shop.between(
            "price changes", pl.max_horizontal("born", pl.lit(shop.start_micros)) + 1, shop.end_micros
        ),
    )
    raised = (pl.col("cents") * (0.8 + uniform(i, shop.seed, "raise") / 2)).cast(pl.Int64)
    category = choose(uniform(i, shop.seed, "category"), CATEGORIES)
    rows = states(
        shop,
        [
            event(rows, pl.col("born"), cents=pl.col("cents"), category=category),
            event(rows.filter(shop.happens("is repriced", 0.3)), pl.col("changes"), cents=raised),
            event(
                rows.filter(shop.happens("is sorted anew", 0.05)), pl.col("changes") + HOUR, category=pl.lit("Other")
            ),
            event(rows.filter(shop.happens("is withdrawn", 0.04)), pl.col("changes") + DAY, is_delete=True),
        ],
        ("cents", "category"),
    )
    return rows.with_columns(
        product_id=key_of("P", i, 5),
        product_name=pl.format("{} no. {}", one_of(uniform(i, shop.seed, "thing"), THINGS), i),
        list_price=money_text(pl.col("cents")),
    )


def _born(shop: Shop, count: int, what: str) -> pl.DataFrame:
    """Rows by `index`, each with the moment at which it appears."""
    early = shop.between(f"{what} is born early", shop.start_micros - 400 * DAY, shop.start_micros)
    late = shop.between(f"{what} is born late", shop.start_micros, shop.end_micros)
    known = shop.happens(f"{what} was known", KNOWN_BEFORE)
    return (
        pl.int_range(count, dtype=pl.UInt64, eager=True)
        .alias("index")
        .to_frame()
        .with_columns(born=pl.when(known).then(early).otherwise(late))
    )


def _typed_by_hand(name: pl.Expr, drawn: pl.Expr) -> pl.Expr:
    """As people write names: in capitals, in small letters, with a space too many."""
    return (
        pl.when(drawn < 0.2)
        .then(name.str.to_uppercase())
        .when(drawn < 0.4)
        .then(name)
        .when(drawn < 0.45)
        .then(pl.format(" {} ", name.str.to_titlecase()))
        .otherwise(name.str.to_titlecase())
    )
