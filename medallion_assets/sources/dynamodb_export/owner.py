"""Owners: whether an export is of the DynamoDB table whose exports are taken (rule B3).

Belongs here: comparing ARNs, and saying in what they differ.
Does not: what is known of the owner, or a table that was made anew under its ARN (there as well).
"""

from __future__ import annotations

from medallion_assets.contracts.owner import Owner
from medallion_assets.sources.dynamodb_export.manifest import Export
from medallion_assets.sources.dynamodb_export.verdicts import ExportRefusedError, Verdict


def expect_owner(export: Export, owner: Owner) -> None:
    """Refuse an export of another table; before an ARN is known, of a table of another name.

    Raises:
        ExportRefusedError: WRONG_TABLE, which is final until the table's declaration changes.
    """
    if owner.name is None and export.table_name == owner.table:
        return
    if export.table_arn in (owner.name, *owner.accepts):
        return
    expected = owner.name or f"a DynamoDB table named {owner.table}"
    differs = ", ".join(_differences(owner.name, export.table_arn)) if owner.name else "name"
    raise ExportRefusedError(
        Verdict.WRONG_TABLE,
        export_id=export.export_id,
        table=export.table_name,
        expected=expected if not owner.accepts else f"{expected}, or one of {', '.join(owner.accepts)}",
        found=f"tableArn {export.table_arn} (another {differs})",
        do="move this export away from here, to a folder of its own table. Only if the table was moved or restored "
        f"on purpose: list that ARN in `accepts` of Loaded(...), where the pipeline declares silver.{owner.table}"
        + (
            ""
            if owner.by_declaration or owner.name is None
            else f", or name the right one there as `source_arn` if {owner.name} is wrong"
        ),
    )


def _differences(expected: str, found: str) -> list[str]:
    """What differs between two ARNs: `arn:<partition>:dynamodb:<region>:<account>:table/<name>`."""
    names = ("", "partition", "service", "region", "account", "name")
    parts = zip(names, expected.split(":", 5), [*found.split(":", 5), *[""] * 6], strict=False)
    return [name for name, ours, theirs in parts if ours != theirs]
