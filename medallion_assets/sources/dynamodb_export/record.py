"""One record at a time: the exact reading of a line of DynamoDB JSON, in plain Python.

Belongs here: what a record is (item, upsert, delete, or none of them), and what an attribute's value is. This is the
meaning that the fast path must reproduce; lines that it cannot vouch for come here.
Does not: what a value means in its column.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

from medallion_assets.contracts.expectations import MALFORMED_JSON, UNKNOWN_RECORD
from medallion_assets.contracts.table import Boolean, Decimal, Integer, Table

Variant = Literal["S", "N", "BOOL"]
"""The DynamoDB types that a column can be read from."""
IS_FULL = "_is_full"
"""The column that says of each record read whether it is an item, as full exports have them."""


class Attribute(NamedTuple):
    """Where a column comes from: the item's attribute `source`, of DynamoDB type `variant`.

    `is_key`: an incremental record carries it in Keys, and keeps it when it is a delete (rule R2).
    """

    column: str
    source: str
    variant: Variant
    is_key: bool


class Record(NamedTuple):
    """What a line says. `values` and `wrong` (another type than the contract's) follow the order of the attributes."""

    verdict: str | None
    """`malformed_json`, `unknown_record`, or None for a record that can be judged."""
    is_full: bool
    is_delete: bool
    sequence: str | None
    """`WriteTimestampMicros` as it is spelled; None when it is missing, or of neither known form."""
    unknown: list[str]
    """The names of the attributes that the contract does not know, sorted."""
    values: Sequence[str | None]
    wrong: Sequence[bool]


def attributes_of(table: Table) -> tuple[Attribute, ...]:
    """The attributes that the contract reads, in its order."""
    return tuple(
        Attribute(column.name, column.source, _variant(column.type), column.name in table.key)
        for column in table.columns
        if column.source is not None
    )


class RecordReader:
    """Reads lines for one contract; never raises for what a line may hold."""

    def __init__(self, attributes: Sequence[Attribute]) -> None:
        self._attributes = attributes
        self._known = frozenset(attribute.source for attribute in attributes)
        none = (None,) * len(attributes)
        self._malformed, self._unrecognised = (
            Record(verdict, False, False, None, [], none, (False,) * len(attributes))
            for verdict in (MALFORMED_JSON, UNKNOWN_RECORD)
        )

    def read(self, line: str) -> Record:
        """What the line says."""
        try:
            record = _parse(line)
        except (ValueError, RecursionError):
            return self._malformed
        if not isinstance(record, dict):
            return self._malformed
        item = record.get("Item")
        if isinstance(item, dict):
            return Record(None, True, False, None, self._unknown(item), *self._values(item, item))
        keys, image = record.get("Keys"), record.get("NewImage")
        # A NewImage that is there but is no image must not pass for a delete.
        if not isinstance(keys, dict) or ("NewImage" in record and not isinstance(image, dict)):
            return self._unrecognised
        is_delete = image is None
        image = image or {}
        sequence = _sequence(record.get("Metadata"))
        return Record(None, False, is_delete, sequence, self._unknown(keys, image), *self._values(keys, image))

    def _values(self, keys: dict[str, Any], image: dict[str, Any]) -> tuple[list[str | None], list[bool]]:
        values: list[str | None] = []
        wrong: list[bool] = []
        for _, source, variant, is_key in self._attributes:
            attribute = (keys if is_key else image).get(source, _ABSENT)
            value, is_wrong = (None, False) if attribute is _ABSENT else _value(attribute, variant)
            values.append(value)
            wrong.append(is_wrong)
        return values, wrong

    def _unknown(self, *images: dict[str, Any]) -> list[str]:
        return sorted(set().union(*images) - self._known)


def unknown_names(lines: Iterable[str], attributes: Sequence[Attribute]) -> set[str]:
    """The names in the items and images (old ones too) of some lines that the contract does not know."""
    names: set[str] = set()
    for line in lines:
        try:
            record = _parse(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            images = (record.get(image) for image in ("Item", "NewImage", "OldImage"))
            names.update(*(image for image in images if isinstance(image, dict)))
    return names.difference(attribute.source for attribute in attributes)


_ABSENT = object()


def _parse(line: str) -> Any:
    """JSON as RFC 8259 has it, Unicode throughout, and every name of an object once; ValueError otherwise."""
    record = _DECODER.decode(line)
    if "\\u" in line:
        # A lone surrogate is no text: UTF-8 cannot hold it, so neither can a table. UnicodeEncodeError is a ValueError.
        json.dumps(record, ensure_ascii=False).encode()
    return record


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name occurs twice in one object")
    return members


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_each_name_once, parse_constant=_refuse)


def _value(attribute: Any, variant: Variant) -> tuple[str | None, bool]:
    """The value as text (a Boolean as `true` or `false`), and whether its type is another than `variant`."""
    if not isinstance(attribute, dict) or len(attribute) != 1:
        return None, True
    value = attribute.get(variant)
    if variant == "BOOL" and isinstance(value, bool):
        return ("true" if value else "false"), False
    if variant != "BOOL" and isinstance(value, str):
        return value, False
    return None, attribute.get("NULL") is not True


def _sequence(metadata: Any) -> str | None:
    written = metadata.get("WriteTimestampMicros") if isinstance(metadata, dict) else None
    if isinstance(written, dict) and len(written) == 1:
        written = written.get("N")
    elif isinstance(written, int) and not isinstance(written, bool):
        written = str(written)
    return written if isinstance(written, str) else None


def _variant(column_type: object) -> Variant:
    if isinstance(column_type, Boolean):
        return "BOOL"
    return "N" if isinstance(column_type, Integer | Decimal) else "S"
