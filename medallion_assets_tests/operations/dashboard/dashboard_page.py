"""A dashboard with one fact of each kind, and reading a page as a browser would.

Belongs here: what the tests of the dashboard plant, and what a page holds: texts by section, rows, references.
Does not: expectations of any kind.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.dashboard.facts import read_facts
from medallion_assets.operations.dashboard.page import render
from medallion_assets.operations.tables.alerts import Alert, raise_alerts
from medallion_assets.operations.tables.expectation_results import GATE, QUALITY, ExpectationResult, record_results
from medallion_assets.operations.tables.incident import Incident, record_incidents
from medallion_assets.operations.tables.pipeline_runs import Outcome, StageAttempt, record_attempts
from medallion_assets.refining.loading.refused_batches import RefusedBatch, record_refusals

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TRANSACTIONS, SALES = "silver.customer_transactions", "serving.daily_sales_metrics"


def attempt(stage: str, hours_ago: float, **facts: Any) -> StageAttempt:
    """An attempt that succeeded in a minute, unless `facts` say otherwise."""
    usual = {"run_id": "run-1", "attempt": 1, "duration_seconds": 60.0, "outcome": Outcome.SUCCEEDED}
    return StageAttempt(stage=stage, started_at=NOW - hours_ago * HOUR, **{**usual, **facts})


def result(expectation: str, failed: int, *, export_id: str = "e1", **facts: Any) -> ExpectationResult:
    """What judging 100 records of an export found."""
    usual = {"run_id": "run-1", "table_name": TRANSACTIONS, "kind": "expect_or_drop", "is_published": True}
    counts = {"export_id": export_id, "expectation": expectation, "passed": 100 - failed, "failed": failed}
    return ExpectationResult(**{**usual, **counts, "judged_at": NOW - 3 * HOUR, **facts})


def plant_failure(lakehouse: Lakehouse, at: datetime) -> None:
    """A failed attempt at that moment: a page of then shows how to run its stage again."""
    failed = attempt(TRANSACTIONS, 0, run_id="run-3", outcome=Outcome.FAILED, error="it failed")
    record_attempts(lakehouse, [replace(failed, started_at=at)])


def plant(lakehouse: Lakehouse, *, text: str = "") -> None:
    """One fact of each kind, with a text in every place that data can reach."""
    scored = {"records_in": 100, "records_out": 97, "records_quarantined": 3, "quality_score": 0.97}
    published = {"records_out": 60, "consumed_wcu": 900.0, "target_wcu": 500.0, "publishing_seconds": 2.0}
    failed = {"outcome": Outcome.FAILED, "error": f"could not refine {text}", "run_id": f"run-2{text}"}
    attempts = [
        attempt(TRANSACTIONS, 3, **scored),
        attempt(TRANSACTIONS, 2, **failed, partition=f"2026-03-01{text}"),
        attempt(SALES, 1, **published, partition="2026-03-01", covered_until=NOW - 30 * HOUR),
        attempt("gold.customer_ltv", 30),
    ]
    record_attempts(lakehouse, attempts)
    held = {"export_id": f"e2{text}", "is_published": False}
    record_results(
        lakehouse,
        [
            result(f"amount_out_of_range{text}", 3),
            result("currency_unsupported", 20, **held),
            result(f"amount_out_of_range{text}", 30, **held),
            result(QUALITY, 45, kind=GATE, **held),
        ],
    )
    refusal = {"prefix": "", "fingerprint": "f", "judged_at": NOW - HOUR}
    record_refusals(
        lakehouse,
        [
            RefusedBatch(
                table_name="customers",
                export_id=f"e3{text}",
                verdict=f"tampered{text}",
                message=f"a file was changed {text}",
                **refusal,
            )
        ],
    )
    alert = Alert(
        key="query/k", kind="warning", what=f"a query found rows {text}", where=f"gold{text}", do=f"look {text}"
    )
    raise_alerts(lakehouse, [alert], NOW - HOUR)
    incident = Incident(
        run_id=f"run-2{text}",
        job="refine",
        stage=TRANSACTIONS,
        error=f"the gate stopped it {text}; found: 0.60",
        headline=f"the gate stopped it {text}",
        found="0.60",
        reasons=f"currency_unsupported: 40 {text}",
        do=f"accept or reject {text}",
        failed_at=NOW - 2 * HOUR,
        raised_at=NOW - 2 * HOUR,
    )
    record_incidents(lakehouse, [incident])


def page_of(lakehouse: Lakehouse) -> Page:
    """The dashboard as of NOW."""
    return Page.read(render(read_facts(lakehouse, NOW), ui_url="http://ui:3000"))


@dataclass
class Page:
    """What a browser finds: the texts of each section, elements, and what the page refers to.

    `rows` are the rows of tables, as their class and their text, by section.
    """

    html: str
    texts: dict[str, str] = field(default_factory=dict)
    elements: list[str] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    rows: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    @classmethod
    def read(cls, html: str) -> Page:
        reader = _Reader()
        reader.feed(html)
        texts = {section: _line(parts) for section, parts in reader.texts.items()}
        rows = {section: [(look, _line(parts)) for look, parts in found] for section, found in reader.rows.items()}
        return cls(html, texts, reader.elements, reader.references, rows)

    @property
    def hollow(self) -> list[str]:
        """What the hollow marks of charts say."""
        return re.findall(r'class="hollow"><title>([^<]*)</title>', self.html)


def _line(parts: list[str]) -> str:
    return " ".join("".join(parts).split())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[str, list[str]] = defaultdict(list)
        self.rows: dict[str, list[tuple[str, list[str]]]] = defaultdict(list)
        self.elements: list[str] = []
        self.references: list[str] = []
        self._section, self._is_shown = "head", True

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.elements.append(tag)
        self.references += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]
        self._is_shown = tag != "style"
        if tag == "section":
            self._section = known["id"] or ""
        if tag == "tr":
            self.rows[self._section].append((known.get("class") or "", []))

    def handle_endtag(self, tag: str) -> None:
        self._is_shown = True
        if tag in ("td", "th", "p", "li", "h2", "h3", "title", "text"):
            self.handle_data(" ")

    def handle_data(self, data: str) -> None:
        if self._is_shown:
            self.texts[self._section].append(data)
            if self.rows[self._section]:
                self.rows[self._section][-1][1].append(data)
