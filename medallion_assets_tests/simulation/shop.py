"""A shop's exports: a full one of each table, then a window a day, made so that what each of them touches is known.

Belongs here: which records there are, and landing an export where DynamoDB puts it.
Does not: what the pipeline makes of them (the oracle says), or when they land (week.py).

A window is a day in UTC, so it holds the evening of one business day and most of the next. It brings new transactions
of its own time and one bad record. Beyond that: window 2 has a transaction that is five days late, window 3 is so bad
that the gate stops it, window 6 deletes one old transaction and refunds another. Of customers each window changes one;
those of windows 3 and 4 bring a new one, who has bought in window 2 already.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from medallion_assets.sources.dynamodb_export.manifest import ExportType
from medallion_assets.sources.dynamodb_export.write import write_export
from medallion_assets.storage.stores import open_store
from medallion_assets_tests.oracle.lines import Item, customer, delete_line, item_line, transaction, upsert_line
from medallion_assets_tests.oracle.model import CUSTOMERS, FULL, INCREMENTAL, ExportInput, micros
from medallion_assets_tests.simulation.week import DAY, HOUR

OPENING_DAYS, OPENING_SALES, SALES, BAD_SALES = 5, 100, 60, 20
KNOWN_CUSTOMERS = 12
LATE_WINDOW, BAD_WINDOW, CHANGING_WINDOW = 2, 3, 6
LATE_BY = 5 * DAY
NEWCOMERS = {3: "c90", 4: "c91"}
CATEGORIES, SEGMENTS, REGIONS = ("books", "games", "garden"), ("retail", "vip"), ("west", "east", "north")


@dataclass(frozen=True)
class Shop:
    """The shop, whose first window begins at `start` (UTC, a midnight). Window 0 are the two full exports."""

    start: datetime

    def land(self, raw_url: str, table: str, number: int) -> ExportInput:
        """Write a table's export of a window; it begins when the window is over."""
        full_at = self.start + timedelta(minutes=1)  # it is sure of what was written a minute before (rule C1)
        begin, end = (full_at, full_at) if number == 0 else self._window(number)
        lines = list(self._lines(table, number))
        files = (tuple(lines[0::2]), tuple(lines[1::2]))
        export = write_export(
            open_store(f"{raw_url}/{table}"),
            table_name=table,
            export_type=ExportType.FULL if number == 0 else ExportType.INCREMENTAL,
            from_at=begin,
            to_at=end,
            files=files,
            started_at=end + timedelta(seconds=30),
        )
        names = tuple(file.key.removeprefix(export.prefix) for file in export.files)
        kind: Literal["FULL_EXPORT", "INCREMENTAL_EXPORT"] = FULL if number == 0 else INCREMENTAL
        return ExportInput(table, export.export_id, kind, begin, end, files, names)

    def _window(self, number: int) -> tuple[datetime, datetime]:
        return self.start + (number - 1) * DAY, self.start + number * DAY

    def _lines(self, table: str, number: int) -> Iterator[str]:
        if table == CUSTOMERS:
            return self._customers(number)
        return self._opening_sales() if number == 0 else self._sales(number)

    def _customers(self, number: int) -> Iterator[str]:
        if number == 0:
            for index in range(KNOWN_CUSTOMERS):
                yield item_line(_customer(f"c{index:02}", index))
            return
        noon = self._window(number)[0] + DAY / 2
        moved = customer(f"c{number:02}", customer_segment={"S": "gold"}, region={"S": "south"})
        yield upsert_line(micros(noon), moved)
        if number in NEWCOMERS:
            yield upsert_line(micros(noon) + 1, _customer(NEWCOMERS[number], number))

    def _opening_sales(self) -> Iterator[str]:
        before = self.start - OPENING_DAYS * DAY
        for sale in range(OPENING_SALES):
            yield item_line(_sale(f"t0-{sale:03}", sale, before + sale * OPENING_DAYS * DAY / OPENING_SALES))

    def _sales(self, number: int) -> Iterator[str]:
        begin, _ = self._window(number)
        for sale in range(SALES):
            at = begin + (sale + 0.5) * DAY / SALES
            is_bad = number == BAD_WINDOW and sale % (SALES // BAD_SALES) == 0
            changes = {"amount": {"N": "-1"}} if is_bad else {}
            yield _written(at, _sale(f"t{number}-{sale:03}", sale + number, at, **changes))
        yield _written(begin + HOUR, _sale(f"t{number}-euro", 1, begin + HOUR, currency={"S": "EUR"}))
        if number == LATE_WINDOW:
            yield _written(begin + 2 * HOUR, _sale("late", 1, begin + 2 * HOUR - LATE_BY))
            for index, name in enumerate(NEWCOMERS.values()):
                yield _written(
                    begin + 3 * HOUR, _sale(f"first-of-{name}", index, begin + 3 * HOUR, customer_id={"S": name})
                )
        if number == CHANGING_WINDOW:
            yield delete_line(micros(begin + HOUR), {"transaction_id": {"S": "t0-021"}})
            refunded = _sale("t1-031", 32, self.start + 31.5 * DAY / SALES, status={"S": "refunded"})
            yield upsert_line(micros(begin + HOUR), refunded)


def _customer(key: str, number: int) -> Item:
    return customer(
        key,
        customer_segment={"S": SEGMENTS[number % len(SEGMENTS)]},
        region={"S": REGIONS[number % len(REGIONS)]},
    )


def _sale(key: str, number: int, at: datetime, **changes: Item) -> Item:
    usual = {
        "customer_id": {"S": f"c{number % KNOWN_CUSTOMERS:02}"},
        "transaction_timestamp": {"S": at.astimezone(UTC).isoformat().replace("+00:00", "Z")},
        "amount": {"N": f"{5 + number * 37 % 400}.{number % 100:02}"},
        "product_category": {"S": CATEGORIES[number % len(CATEGORIES)]},
        "quantity": {"N": str(1 + number % 4)},
        "status": {"S": "pending" if number % 9 == 0 else "refunded" if number % 7 == 0 else "completed"},
    }
    return transaction(key, **{**usual, **changes})


def _written(at: datetime, item: Item) -> str:
    return upsert_line(micros(at) + 1, item)
