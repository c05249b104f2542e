"""How far the sources reached of which a day of Gold is made (rule V3): what readers are told beside its figures.

Belongs here: finding it in the logs of Gold and of its source.
Does not: building or publishing the day.
"""

from __future__ import annotations

from datetime import date

from medallion_assets.contracts.coverage import UNKNOWN, Coverage
from medallion_assets.contracts.pipeline import Gold
from medallion_assets.delta.notes.commit_notes import RESTATED, CommitLog, noted_days
from medallion_assets.delta.notes.coverage_notes import SOURCES_COVERED, noted_coverage, read_note
from medallion_assets.delta.notes.source_versions import built_from
from medallion_assets.delta.replacing.partitions import REPLACED


def day_coverage(gold: Gold, built: CommitLog, source: CommitLog, day: date) -> Coverage:
    """How far the source of a Gold table reached when a day was built; or reaches, if the day is right still.

    The snapshot of `source` was opened after that of `built`.
    """
    built_by = (commit for commit in built.newest_first() if day in (noted_days(commit, REPLACED) or ()))
    commit = next(built_by, None)
    if commit is None:
        return UNKNOWN
    version = built_from(commit, source)
    if version is not None and not _restated_since(gold, source, version, day):
        return noted_coverage(source.snapshot)
    return read_note(commit, SOURCES_COVERED)


def _restated_since(gold: Gold, source: CommitLog, version: int, day: date) -> bool:
    """Whether a later version of the source changed rows that count for a day; so does a note that cannot be read."""
    for commit in source.since(version):
        days = noted_days(commit, RESTATED)
        if days is None or any(gold.counts(changed, day) for changed in days):
            return True
    return False
