"""Small and nasty shops: files of all four tables, and many of them in one.

Belongs here: what files say of customers, products, orders and lines together, and what Silver holds of that.
Does not: the files of one table (file_strategies.py), or what is made of Silver (star.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from medallion_assets_tests.oracle.decode import Row
from medallion_assets_tests.oracle.file_strategies import files
from medallion_assets_tests.oracle.files import FileInput, history, state
from medallion_assets_tests.oracle.shop_tables import CRM_CUSTOMERS, ORDER_LINES, ORDERS, PRODUCTS, SHOP

Silver = dict[str, list[Row]]
_KEYS = ("customer_id", "product_id", "order_id")


def shops() -> st.SearchStrategy[tuple[FileInput, ...]]:
    """The files of one shop, table by table."""
    return st.tuples(*(files(table, most=3, lines_at_least=3) for table in SHOP)).map(lambda found: sum(found, ()))


def silver(given: Sequence[FileInput]) -> Silver:
    """What Silver holds of a shop, by the name of the table."""
    of_table = {table.name: [file for file in given if file.table is table] for table in SHOP}
    return {
        CRM_CUSTOMERS.name: history(of_table[CRM_CUSTOMERS.name]),
        PRODUCTS.name: history(of_table[PRODUCTS.name]),
        ORDERS.name: state(ORDERS, of_table[ORDERS.name]),
        ORDER_LINES.name: state(ORDER_LINES, of_table[ORDER_LINES.name]),
    }


def side_by_side(shops: Sequence[Silver]) -> Silver:
    """Several shops in one, each with keys of its own: a build takes seconds, however many there are."""
    return {
        table.name: [
            {name: f"{number}-{value}" if name in _KEYS and value is not None else value for name, value in row.items()}
            for number, shop in enumerate(shops)
            for row in shop[table.name]
        ]
        for table in SHOP
    }
