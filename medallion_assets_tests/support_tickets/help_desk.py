"""A help desk whose DynamoDB tables are exported: what is in them, and what that makes of every Gold table.

Belongs here: writing its exports, and the figures in plain Python.
Does not: how they come in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from medallion_assets.sources.dynamodb_export.manifest import Export, ExportType
from medallion_assets.sources.dynamodb_export.write import delete_record, full_record, upsert_record, write_export
from medallion_assets.storage.stores import open_store
from medallion_assets_tests.oracle.lines import customer, item_line, transaction

AT = datetime(2025, 3, 10, tzinfo=UTC)
"""Of the full exports; a window of a day each follows."""
DAY = timedelta(days=1)
ACCOUNT = "444455556666"
"""Not the one of samples: these are exports like any others."""
KEYS = {"tickets": "id", "agents": "agent_id"}
Item = dict[str, Any]


def ticket(number: int, *, day: int, requester: str = "r1", agent: str = "a1", minutes: object = 10) -> Item:
    """A ticket, opened on a day of March 2025; the third of them are of high priority."""
    return {
        "id": f"T{number}",
        "requester": requester,
        "agent": agent,
        "opened": f"2025-03-{day:02}T19:30:00Z",
        "priority": "high" if number % 3 == 0 else "LOW",
        "minutes": minutes,
    }


def agent(name: str, team: str) -> Item:
    """An agent."""
    return {"agent_id": name, "team": team}


@dataclass
class HelpDesk:
    """The two tables as they are now, and where their exports go."""

    raw_url: str
    items: dict[str, dict[str, Item]] = field(default_factory=lambda: {"tickets": {}, "agents": {}})
    windows: Counter[str] = field(default_factory=Counter)

    def export_all(self, table: str, *items: Item) -> Export:
        """A full export of a table that holds these items."""
        self.items[table] = {item[KEYS[table]]: item for item in items}
        lines = [full_record(typed(item)) for item in items]
        return self._write(table, ExportType.FULL, AT, AT, lines)

    def export_changes(self, table: str, *items: Item, deleted: str | None = None) -> Export:
        """The next window: a day in which these items were written and one was deleted."""
        begin = AT + self.windows[table] * DAY
        self.windows[table] += 1
        micros = int(begin.timestamp()) * 1_000_000 + 3_600_000_000
        key = KEYS[table]
        lines = [upsert_record(typed({key: item[key]}), typed(item), micros) for item in items]
        self.items[table] |= {item[key]: item for item in items}
        if deleted is not None:
            lines.append(delete_record(typed({key: deleted}), micros))
            del self.items[table][deleted]
        return self._write(table, ExportType.INCREMENTAL, begin - timedelta(minutes=1), begin + DAY, lines)

    def opened(self) -> set[tuple[date, str, int]]:
        """gold.opened_tickets."""
        counted = Counter((day_of(ticket), ticket["priority"].lower()) for ticket in self._tickets())
        return {(*group, number) for group, number in counted.items()}

    def minutes(self) -> set[tuple[date, str, int]]:
        """gold.team_minutes."""
        spent: Counter[tuple[date, str]] = Counter()
        for ticket in self._tickets():
            spent[day_of(ticket), self._team(ticket)] += ticket["minutes"]
        return {(*group, number) for group, number in spent.items()}

    def requesters(self, up_to: date) -> set[tuple[date, str, str, int, date]]:
        """gold.requesters as of a day."""
        days: dict[tuple[str, str], list[date]] = {}
        for ticket in self._tickets():
            if day_of(ticket) <= up_to:
                days.setdefault((ticket["requester"], self._team(ticket)), []).append(day_of(ticket))
        return {(up_to, *key, len(held), max(held)) for key, held in days.items()}

    def _team(self, item: Item) -> str:
        return str(self.items["agents"].get(item["agent"], {"team": "unknown"})["team"])

    def _tickets(self) -> list[Item]:
        return [ticket for ticket in self.items["tickets"].values() if ticket["minutes"] >= 0]

    def _write(self, table: str, kind: ExportType, begin: datetime, end: datetime, lines: list[str]) -> Export:
        store = open_store(f"{self.raw_url}/{table}")
        return write_export(
            store, table_name=table, export_type=kind, from_at=begin, to_at=end, files=[lines], account_id=ACCOUNT
        )


def export_shop(raw_url: str) -> date:
    """One sale of the first pipeline, and its customer; gives its business day."""
    lines = {"customers": item_line(customer("c1")), "customer_transactions": item_line(transaction("t1"))}
    for table, line in lines.items():
        store = open_store(f"{raw_url}/{table}")
        write_export(store, table_name=table, export_type=ExportType.FULL, from_at=AT, to_at=AT, files=[[line]])
    return date(2025, 3, 7)


def day_of(item: Mapping[str, Any]) -> date:
    """The business day of a ticket: tickets here are opened around noon in Los Angeles."""
    return datetime.fromisoformat(item["opened"]).date()


def typed(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item as DynamoDB JSON."""
    return {name: {"N": str(value)} if isinstance(value, int) else {"S": value} for name, value in item.items()}
