"""Gold that was put back to an older copy: what was published from its lost versions does not give way by itself.

Belongs here: noticing it, as long as its versions are behind what was published, and once their numbers came again.
Does not: Gold that was made anew, which begins a generation.
"""

from __future__ import annotations

from datetime import date

from medallion_assets.contracts.published import GOLD_COMMIT, GOLD_COMMIT_VERSION
from medallion_assets.delta.committing import COMMIT_ID
from medallion_assets.delta.notes.commit_notes import CommitLog
from medallion_assets.delta.table import Snapshot
from medallion_assets.errors import PermanentError
from medallion_assets.errors.reasons import REASON
from medallion_assets.publishing.attributes import number, to_item
from medallion_assets.publishing.budget.budgeted_table import BudgetedTable, WriteCondition
from medallion_assets.publishing.keys import OWNER, Keys, own_key
from medallion_assets.publishing.owner import SAME_OWNER, ServingOwner, owner_values


def expect_not_behind(gold: Snapshot, table_name: str, what: str, version: int | None, day: date | None = None) -> None:
    """A version that is published is one that Gold had, so Gold has it still: others may have added to it, no more.

    Raises:
        PermanentError: Gold went back behind it.
    """
    if version is None or version <= gold.version:
        return
    latest = gold.lakehouse.open(gold.table)
    if latest.table_id == gold.table_id and version > latest.version:
        of_day = f" of {day}" if day else ""
        raise PermanentError(
            f"{what} of DynamoDB table {table_name} is ahead of {gold.table.name}",
            expected=f"a version{of_day} of at most {latest.version}, the latest of table {gold.table_id}",
            found=f"version {version}: Gold was put back to an older version, and readers see what it lost",
            do=_remedy(table_name),
        )


def expect_same_commits(table: BudgetedTable, keys: Keys, owner: ServingOwner, gold: Snapshot) -> None:
    """See that Gold has the newest commit that this owner's publishes began with, and note a newer one.

    Commits of other engines have no id: the newest that has one stands for them.

    Raises:
        PermanentError: Gold is behind that commit, or its version is another commit by now.
    """
    log = CommitLog(gold)
    newest = next((commit for commit in log.newest_first() if COMMIT_ID in commit), None)
    if newest is None:
        return
    key = own_key(keys, OWNER)
    noted = table.get(key) or {}
    if GOLD_COMMIT in noted:
        version, commit_id = number(noted[GOLD_COMMIT_VERSION]), str(noted[GOLD_COMMIT]["S"])
        expect_not_behind(gold, table.name, OWNER, version)
        if version <= gold.version and log.has_commit(version, commit_id) is False:
            raise PermanentError(
                f"a publish to DynamoDB table {table.name} began with a commit that {gold.table.name} lacks",
                expected=f"version {version} of table {gold.table_id} to be commit {commit_id}",
                found="another one: an older copy took its place and went on, and readers may see what it lost",
                do=_remedy(table.name),
            )
        if version >= newest["version"]:
            return
    values = owner_values(owner) | to_item({":version": newest["version"], ":commit": newest[COMMIT_ID]})
    is_newer = f"(attribute_not_exists({GOLD_COMMIT}) OR {GOLD_COMMIT_VERSION} < :version)"
    change = f"SET {GOLD_COMMIT} = :commit, {GOLD_COMMIT_VERSION} = :version"
    table.update(key, change, WriteCondition(f"{SAME_OWNER} AND {is_newer}", values))


def _remedy(table_name: str) -> str:
    return (
        "restore the latest versions of the table; or, to publish it as it is now, run `medallion serving "
        f"hand-over {table_name} --why '{REASON}'`, then its days again"
    )
