"""The quality gate: what judging counted, and whether a batch may be published (rules C3, C4, C7, C8).

Belongs here: the score and the verdict, as pure values.
Does not: judging single records.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.contracts.policies import GatePolicy
from medallion_assets.delta.notes.fingerprints import stand_ins

MASS_DELETE = "mass_delete"
"""The name of rule C7 in checks, results and errors."""


LEAST_UPSERTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What judging found in one batch. `records` counts identical duplicates once; `reasons` counts bad records.

    `filled` counts by column the records that have a value in it; a column that none has is absent.
    `deletes` counts good deletes of an incremental batch, `absent` the live rows that a full batch lacks and so
    deletes, or by how many a version of a partition is smaller than the one before. `live` is how many live rows there
    were: for a full batch those older than its S, which it decides. `duplicates` are identical records left out.
    `nulls` says in how many of the `upserts` that could be read a column has no value that the contract counts on;
    `unreachable` in how many an optional one has none, although they have the attribute that its source leads into.
    """

    export_id: str
    records: int = 0
    bad: int = 0
    reasons: Mapping[str, int] = field(default_factory=Counter)
    warnings: Mapping[str, int] = field(default_factory=Counter)
    failures: Mapping[str, int] = field(default_factory=Counter)
    unknown_attributes: Mapping[str, int] = field(default_factory=Counter)
    filled: Mapping[str, int] = field(default_factory=Counter)
    deletes: int = 0
    duplicates: int = 0
    absent: int = 0
    live: int = 0
    upserts: int = 0
    nulls: Mapping[str, int] = field(default_factory=Counter)
    unreachable: Mapping[str, int] = field(default_factory=Counter)

    @property
    def score(self) -> float:
        """Good records over all records; an empty batch scores 1."""
        return 1.0 if self.records == 0 else (self.records - self.bad) / self.records

    def plus(self, other: Counts, *, sign: int = 1) -> Counts:
        """Add what another part of the batch counted, or with sign -1 take it out."""
        return Counts(
            export_id=self.export_id,
            records=self.records + sign * other.records,
            bad=self.bad + sign * other.bad,
            reasons=_plus(self.reasons, other.reasons, sign),
            warnings=_plus(self.warnings, other.warnings, sign),
            failures=_plus(self.failures, other.failures, sign),
            unknown_attributes=_plus(self.unknown_attributes, other.unknown_attributes, sign),
            filled=_plus(self.filled, other.filled, sign),
            deletes=self.deletes + sign * other.deletes,
            duplicates=self.duplicates + sign * other.duplicates,
            absent=self.absent + sign * other.absent,
            live=self.live + sign * other.live,
            upserts=self.upserts + sign * other.upserts,
            nulls=_plus(self.nulls, other.nulls, sign),
            unreachable=_plus(self.unreachable, other.unreachable, sign),
        )

    @property
    def null_columns(self) -> list[str]:
        """Rule C8: the columns of which no record has a value; of fewer records than three nobody can tell."""
        if self.upserts < LEAST_UPSERTS:
            return []
        wanted = (name for name, count in self.nulls.items() if count == self.upserts)
        return sorted([*wanted, *self.unreachable_columns])

    @property
    def unreachable_columns(self) -> list[str]:
        """Rule C8: those of them that are optional, and whose values lie in a map, which is never read."""
        return sorted(
            name for name, count in self.unreachable.items() if count >= LEAST_UPSERTS and name not in self.filled
        )


def rules_of(loaded: Loaded) -> str:
    """Names what a batch is judged by: another name when the table's columns or expectations, or its gate, change.

    So does one when its source reads records otherwise, or another text stands in for a missing one.
    """
    table, policy = loaded.table, loaded.gate
    columns = [repr(replace(column, description="")) for column in table.columns]
    expectations = [
        f"{expectation.name} {expectation.action} {expectation.column} {expectation.condition!r}"
        for expectation in table.expectations
    ]
    gate = f"{table.key} {policy.quality_threshold} {policy.quality_min_bad_records} {loaded.chain_starts_at}"
    limits = f"{loaded.source.write_time_slack_hours} {policy.max_delete_share} {policy.max_delete_min_rows}"
    rules = [*columns, *expectations, gate, limits, *stand_ins(table), *loaded.source.rules]
    return hashlib.sha256("\n".join(rules).encode()).hexdigest()[:12]


def _plus(left: Mapping[str, int], right: Mapping[str, int], sign: int) -> Counter[str]:
    names = {*left, *right}
    return Counter({name: n for name in sorted(names) if (n := left.get(name, 0) + sign * right.get(name, 0))})


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What lets batches through, by a policy. `by_hand`: a person has set it for one run."""

    policy: GatePolicy
    by_hand: bool = False

    @classmethod
    def of(cls, policy: GatePolicy, threshold: float | None = None, min_bad_records: int | None = None) -> Gate:
        """The gate of a policy, with a share from 0 to 1 and a least number of bad records that the run config sets."""
        if threshold is None and min_bad_records is None:
            return cls(policy=policy)
        share = policy.quality_threshold if threshold is None else threshold
        least = policy.quality_min_bad_records if min_bad_records is None else min_bad_records
        return cls(policy=replace(policy, quality_threshold=share, quality_min_bad_records=least), by_hand=True)

    def lets_through(self, counted: Counts) -> bool:
        """Whether the batch may be published without a person's decision."""
        is_wrong = self.is_too_bad(counted) or counted.failures or counted.null_columns
        return not (is_wrong or self.is_mass_delete(counted))

    def is_too_bad(self, counted: Counts) -> bool:
        """Rule C3: its score is under the threshold, and it has enough bad records to tell."""
        return counted.score < self.policy.quality_threshold and counted.bad >= self.policy.quality_min_bad_records

    def is_mass_delete(self, counted: Counts) -> bool:
        """Rule C7: a full batch deletes so much by absence that something else is likelier.

        One without a good record is as empty as one without any.
        """
        return counted.absent > 0 and (
            counted.records == counted.bad or self.are_very_many(counted.absent, counted.live)
        )

    def are_very_many(self, deletes: int, live: int) -> bool:
        """Whether deletes are more of the live rows than the policy expects, and enough of them to tell."""
        policy = self.policy
        return deletes >= policy.max_delete_min_rows and deletes > Fraction(str(policy.max_delete_share)) * live
