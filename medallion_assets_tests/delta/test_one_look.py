"""One look at a lakehouse: every table once, as it was then."""

from __future__ import annotations

import pytest

from medallion_assets.delta.one_look import OneLook
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import MissingTableError
from medallion_assets_tests.pipeline import CUSTOMER_TRANSACTIONS, CUSTOMERS


def test_a_table_is_opened_once_and_stays_as_it_was(lakehouse: Lakehouse) -> None:
    made = lakehouse.ready(CUSTOMER_TRANSACTIONS)
    look = OneLook.at(lakehouse)
    first = look.open(CUSTOMER_TRANSACTIONS)
    made.commit(transactions={"a": 1})
    assert look.open(CUSTOMER_TRANSACTIONS) is first
    assert look.find(CUSTOMER_TRANSACTIONS) is first
    assert (first.version, lakehouse.open(CUSTOMER_TRANSACTIONS).version) == (0, 1)
    assert look.open(CUSTOMER_TRANSACTIONS, version=1).version == 1
    assert OneLook.at(look) is look


def test_what_was_not_there_is_not_there_for_this_look(lakehouse: Lakehouse) -> None:
    look = OneLook.at(lakehouse)
    assert not look.exists(CUSTOMERS)
    lakehouse.ready(CUSTOMERS)
    assert look.find(CUSTOMERS) is None
    with pytest.raises(MissingTableError):
        look.open(CUSTOMERS)
    assert OneLook.at(lakehouse).exists(CUSTOMERS)
