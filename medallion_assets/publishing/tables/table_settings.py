"""What must hold of a serving table before its first row, and what had better hold: judged from its description.

Belongs here: status, keys, indexes, capacity, streams and deletion protection, each with the command that mends it.
Does not: describing or making a table, or its time to live.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from medallion_assets.errors import MedallionError, PermanentError, TransientError
from medallion_assets.publishing.keys import Keys
from medallion_assets.publishing.unpublishable import KeyRule, key_rules

Description = Mapping[str, Any]
WRITABLE = frozenset({"ACTIVE", "UPDATING"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Publishable:
    """A table that can be published to: what its indexes want of a row, and what a person had better change."""

    index_rules: tuple[KeyRule, ...] = ()
    advice: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What publishing needs: keys, the types of attributes by name (S, N, BOOL), and its write budget.

    `place` are the options of `aws` that name where the table is, `create` the commands that make it.
    """

    name: str
    keys: Keys
    attributes: Mapping[str, str]
    target_wcu: float | None
    shows_versions: bool
    place: str
    create: str

    def command(self, operation: str, options: str = "") -> str:
        """An `aws dynamodb` command about this table."""
        return f"aws dynamodb {operation} --table-name {self.name}{options}{self.place}"


def expect_writable(wanted: Wanted, found: Description) -> None:
    """See that the table's status lets it be written to.

    Raises:
        TransientError: it is being made, restored or deleted.
        PermanentError: it stays closed until a person does something.
    """
    status = found["TableStatus"]
    if status in WRITABLE:
        return
    kind, do = _closed(wanted, found)
    raise kind(
        f"DynamoDB table {wanted.name} cannot be written to",
        expected=f"status {' or '.join(sorted(WRITABLE))}",
        found=f"status {status}{_restored_from(found)}",
        do=do,
    )


def is_being_restored(found: Description) -> bool:
    """Whether a backup is being put into the table, which takes as long as it takes."""
    return bool(found.get("RestoreSummary", {}).get("RestoreInProgress"))


def expect_keys(wanted: Wanted, found: Description) -> None:
    """See that the table has the keys that publishing needs, in their order.

    Raises:
        PermanentError: it has others. Nothing can change the keys of a table.
    """
    types = _types(found)
    kinds = ("HASH", "RANGE")
    keys = [(part["AttributeName"], part["KeyType"], types.get(part["AttributeName"])) for part in found["KeySchema"]]
    if keys == [(name, kind, type_) for (name, type_), kind in zip(wanted.keys.items(), kinds, strict=False)]:
        return
    kept = ""
    if wanted.shows_versions and [type_ for _, _, type_ in keys] == ["S", "S"]:
        kept = f"declare the names that it has, PublishDays(keys={tuple(name for name, _, _ in keys)!r}); or "
    raise PermanentError(
        f"DynamoDB table {wanted.name} has another key",
        expected=", ".join(f"{name} ({type_})" for name, type_ in wanted.keys.items()),
        found=", ".join(f"{name} ({type_})" for name, _, type_ in keys),
        do=f"{kept}publish to your own tables, whose names begin with MEDALLION_SERVING_PREFIX; or, if nobody needs "
        f"that table, recreate it: {wanted.command('delete-table')} && {wanted.command('wait table-not-exists')} && "
        f"{wanted.create}",
    )


def index_rules(wanted: Wanted, found: Description) -> tuple[KeyRule, ...]:
    """What the indexes of the table want of a row.

    Raises:
        PermanentError: an index has an attribute of ours under another type, so DynamoDB would refuse every row.
    """
    types = _types(found)
    rules: list[KeyRule] = []
    for index, is_global in _indexes(found):
        for name in (part["AttributeName"] for part in index["KeySchema"]):
            ours = wanted.attributes.get(name, types[name])
            if ours == types[name]:
                continue
            update = f'\'[{{"Delete":{{"IndexName":"{index["IndexName"]}"}}}}]\''
            mend = wanted.command("update-table", f" --global-secondary-index-updates {update}")
            raise PermanentError(
                f"index {index['IndexName']} of DynamoDB table {wanted.name} takes no row of ours",
                expected=f"{name} of type {ours}, as rows have it",
                found=f"{name} of type {types[name]}",
                do=f"delete the index: {mend}" if is_global else "publish to a table without that local index",
            )
        keys = [part["AttributeName"] for part in index["KeySchema"]]
        rules += (rule for rule in key_rules(keys, index["IndexName"]) if rule.attribute not in wanted.keys)
    return tuple(rules)


def advice(wanted: Wanted, found: Description) -> Iterator[str]:
    """What a person had better change, each with the command."""
    if not found.get("DeletionProtectionEnabled"):
        command = wanted.command("update-table", " --deletion-protection-enabled")
        yield f"the table can be deleted by mistake; protect it: {command}"
    yield from _capacity_advice(wanted, found)
    if wanted.shows_versions and found.get("StreamSpecification", {}).get("StreamEnabled"):
        command = wanted.command("update-table", " --stream-specification StreamEnabled=false")
        yield (
            "readers of the table's stream see rows before their day is published: let them act only on pointers "
            f"(items whose {[*wanted.keys][-1]} is #current), or switch the stream off: {command}"
        )


def _capacity_advice(wanted: Wanted, found: Description) -> Iterator[str]:
    target = wanted.target_wcu
    if target is None:
        return
    on_demand = wanted.command("update-table", " --billing-mode PAY_PER_REQUEST")
    for place in (found, *(index for index, is_global in _indexes(found) if is_global)):
        what = f"index {place['IndexName']}" if "IndexName" in place else "the table"
        provisioned = int(place.get("ProvisionedThroughput", {}).get("WriteCapacityUnits", 0))
        if _is_provisioned(found) and provisioned < target:
            yield (
                f"{what} has {provisioned:,} write units per second, publishing may use {target:,.0f} (target_wcu): it "
                f"will be throttled unless auto scaling follows; lower target_wcu, or pay on demand: {on_demand}"
            )
        most = int(place.get("OnDemandThroughput", {}).get("MaxWriteRequestUnits", -1))
        if not _is_provisioned(found) and 0 <= most < target:
            lift = wanted.command("update-table", " --on-demand-throughput MaxWriteRequestUnits=-1")
            yield (
                f"{what} takes at most {most:,} write units per second, publishing may use {target:,.0f} (target_wcu): "
                f"lower target_wcu, or lift the limit: {lift}"
            )


def _is_provisioned(found: Description) -> bool:
    """A table that was always provisioned has no summary of its billing."""
    return bool(found.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED") == "PROVISIONED")


def _types(found: Description) -> dict[str, str]:
    return {
        str(definition["AttributeName"]): str(definition["AttributeType"])
        for definition in found["AttributeDefinitions"]
    }


def _indexes(found: Description) -> Iterator[tuple[Mapping[str, Any], bool]]:
    for index in found.get("GlobalSecondaryIndexes") or ():
        yield index, True
    for index in found.get("LocalSecondaryIndexes") or ():
        yield index, False


def _closed(wanted: Wanted, found: Description) -> tuple[type[MedallionError], str]:
    """For a status that closes the table: whether it passes, and what to do."""
    status = found["TableStatus"]
    exists = wanted.command("wait table-exists")
    if status == "CREATING":
        restored = "; then its time to live and deletion protection have to be switched on again: publishing says how"
        return TransientError, f"publish again when it is there: {exists}{restored if is_being_restored(found) else ''}"
    if status == "DELETING":
        gone = wanted.command("wait table-not-exists")
        return TransientError, f"to recreate it, wait and create it: {gone} && {wanted.create}"
    if status in {"ARCHIVING", "ARCHIVED"}:
        listing = wanted.command("list-backups", " --backup-type ALL")
        return PermanentError, (
            "its KMS key was unavailable for 7 days, and DynamoDB archived it; delete it and restore its backup "
            f"({listing}), or create it again and publish its days again: {wanted.create}"
        )
    if status == "INACCESSIBLE_ENCRYPTION_CREDENTIALS":
        key = found.get("SSEDescription", {}).get("KMSMasterKeyArn", "<the key>")
        return PermanentError, (
            "let DynamoDB use the table's KMS key again within 7 days, or it is archived: "
            f"aws kms enable-key --key-id {key}, and its key policy"
        )
    if status == "REPLICATION_NOT_AUTHORIZED":
        return PermanentError, (
            "let DynamoDB replicate the global table again (dynamodb:Replicate* in the resource policies and in "
            f"service control policies), or remove the replica: {wanted.command('describe-table')} names them"
        )
    return PermanentError, f"look at it: {wanted.command('describe-table')}"


def _restored_from(found: Description) -> str:
    if not is_being_restored(found):
        return ""
    summary = found["RestoreSummary"]
    source = summary.get("SourceBackupArn") or summary.get("SourceTableArn") or "a backup"
    return f": {source} is being restored into it, as of {summary.get('RestoreDateTime', 'an unknown moment')}"
