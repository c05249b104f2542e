"""The quality gate: what judging counted, and whether an export may be published (rules C3, C4).

Belongs here: the score and the verdict, as pure values.
Does not: judging single records (lakehouse.decode, lakehouse.expectations).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from medallion_assets.lakehouse.contracts import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What judging found in one export. `records` counts identical duplicates once; `reasons` counts bad records."""

    export_id: str
    records: int = 0
    bad: int = 0
    reasons: Mapping[str, int] = field(default_factory=Counter)
    warnings: Mapping[str, int] = field(default_factory=Counter)
    failures: Mapping[str, int] = field(default_factory=Counter)
    unknown_attributes: Mapping[str, int] = field(default_factory=Counter)

    @property
    def score(self) -> float:
        """Good records over all records; an empty export scores 1."""
        return 1.0 if self.records == 0 else (self.records - self.bad) / self.records

    def plus(self, other: Tally, *, sign: int = 1) -> Tally:
        """Add what another part of the export counted, or with sign -1 take it out."""
        return Tally(
            export_id=self.export_id,
            records=self.records + sign * other.records,
            bad=self.bad + sign * other.bad,
            reasons=_plus(self.reasons, other.reasons, sign),
            warnings=_plus(self.warnings, other.warnings, sign),
            failures=_plus(self.failures, other.failures, sign),
            unknown_attributes=_plus(self.unknown_attributes, other.unknown_attributes, sign),
        )


def rules_of(table: Table) -> str:
    """Names what an export is judged by: another name when the contract's columns, expectations or gate change."""
    columns = [repr(replace(column, description="")) for column in table.columns]
    expectations = [f"{one.name} {one.action} {one.column} {one.condition!r}" for one in table.expectations]
    gate = f"{table.key} {table.quality_threshold} {table.quality_min_bad_records} {table.chain_starts_at}"
    limits = f"{table.write_time_slack_hours} {table.max_delete_share} {table.max_delete_min_rows}"
    return hashlib.sha256("\n".join([*columns, *expectations, gate, limits]).encode()).hexdigest()[:12]


def _plus(left: Mapping[str, int], right: Mapping[str, int], sign: int) -> Counter[str]:
    names = {*left, *right}
    return Counter({name: n for name in sorted(names) if (n := left.get(name, 0) + sign * right.get(name, 0))})


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The limits an export has to keep."""

    threshold: float
    min_bad_records: int
    by_hand: bool = False
    """Whether the threshold is a person's, for one run, and not the contract's."""

    @classmethod
    def of(cls, table: Table, threshold: float | None = None) -> Gate:
        """The contract's gate, with the threshold of the run config where one is given (a share from 0 to 1)."""
        return cls(
            threshold=table.quality_threshold if threshold is None else threshold,
            min_bad_records=table.quality_min_bad_records,
            by_hand=threshold is not None,
        )

    def lets_through(self, tally: Tally) -> bool:
        """Whether the export may be published without a person's decision."""
        too_bad = tally.score < self.threshold and tally.bad >= self.min_bad_records
        return not too_bad and not tally.failures
