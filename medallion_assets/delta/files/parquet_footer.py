"""The footer of a Parquet file: its rows, and the least, the greatest and the missing values of each column.

Belongs here: reading the bytes of the footer. Polars writes these figures and shows them to nobody.
Does not: what is entered in a table's log, or where the bytes come from.

The footer is one structure in Thrift's compact protocol; the numbers of its fields are those of parquet.thrift in
apache/parquet-format.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal as Number
from typing import Any

from medallion_assets.contracts.moments import EPOCH
from medallion_assets.contracts.table import Date, Decimal, Integer, Text, TimestampUtc, Type

MAGIC = b"PAR1"
TRAILER_BYTES = 8
"""The length of the footer in four bytes, and the magic, end the file."""

_Fields = dict[int, Any]


class FooterError(ValueError):
    """The bytes are not the footer of a whole Parquet file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnFigures:
    """One column of a file: its least and greatest value as they are stored, None where the footer has none."""

    low: bytes | None
    high: bytes | None
    nulls: int | None

    def value(self, stored: bytes, kind: Type) -> Any:
        """A stored value of this column as Python has it; None where it has no bounds that readers could use.

        Nobody skips files by true and false. Floats: a footer leaves out NaN, which other readers take for the
        greatest value. Times: Python ends with the year 9999.

        Raises:
            ValueError: text that is damaged.
        """
        number = int.from_bytes(stored, "little", signed=True)
        try:
            match kind:
                case Text():
                    return stored.decode()
                case Integer():
                    return number
                case Date():
                    return EPOCH.date() + timedelta(days=number)
                case TimestampUtc():
                    return EPOCH + timedelta(microseconds=number)
                case Decimal(precision, scale):
                    # Up to 18 digits are stored as a number, more as bytes, the greatest first.
                    exact = number if precision <= 18 else int.from_bytes(stored, "big", signed=True)
                    return Number(f"{exact}E-{scale}")
        except OverflowError:
            return None
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Footer:
    """Rows of a file, and the figures of its flat columns by name; columns without any are left out."""

    rows: int
    columns: dict[str, ColumnFigures]


def footer_length(tail: bytes) -> int:
    """The bytes that footer and trailer take at the end of a file, from its last ones.

    Raises:
        FooterError: no Parquet file ends so.
    """
    if len(tail) < TRAILER_BYTES or tail[-4:] != MAGIC:
        raise FooterError(f"the file ends with {tail[-4:]!r}, not with {MAGIC!r}")
    return int(struct.unpack("<I", tail[-8:-4])[0]) + TRAILER_BYTES


def read_footer(tail: bytes) -> Footer:
    """The footer at the end of `tail`, which holds at least `footer_length` bytes.

    Raises:
        FooterError: the bytes are damaged.
    """
    length = footer_length(tail)
    if length > len(tail):
        raise FooterError(f"a footer of {length} bytes in a file of {len(tail)}")
    try:
        metadata = _Reader(tail[len(tail) - length : -TRAILER_BYTES]).fields()
        groups = [group[1] for group in metadata[4]]
        chunks: dict[str, list[_Fields]] = {}
        for columns in groups:
            for column in columns:
                path = column[3][3]
                if len(path) == 1:  # a list's values lie deeper
                    chunks.setdefault(path[0].decode(), []).append(column[3])
        figures = {name: _figures(each) for name, each in chunks.items()}
        return Footer(rows=metadata[3], columns=figures)
    except (IndexError, KeyError, TypeError, ValueError, AttributeError, struct.error, RecursionError) as error:
        raise FooterError(f"the footer is damaged: {error!r}") from error


def _figures(chunks: list[_Fields]) -> ColumnFigures:
    """One column's figures over all row groups. Bounds stand only where every group with values has them."""
    lows, highs, nulls = [], [], []
    for chunk in chunks:
        statistics = chunk.get(12, {})
        nulls.append(statistics.get(3))
        if 5 in statistics and 6 in statistics:
            highs.append(statistics[5])
            lows.append(statistics[6])
        elif statistics.get(3) != chunk[5]:
            return ColumnFigures(low=None, high=None, nulls=None)
    least, greatest = _order(lows, chunks[0][1], min), _order(highs, chunks[0][1], max)
    known = [count for count in nulls if count is not None]
    return ColumnFigures(low=least, high=greatest, nulls=sum(known) if len(known) == len(nulls) else None)


def _order(values: list[bytes], physical_type: int, choose: Any) -> bytes | None:
    """The least or greatest of stored values: whole numbers by value, bytes of fixed length signed, text as it is."""
    if not values:
        return None
    match physical_type:
        case 0 | 6:
            key = None
        case 1 | 2:
            key = _little
        case 7:
            key = _big
        case _:  # no type of a contract is stored so, other than a float
            return None
    chosen: bytes = choose(values, key=key)
    return chosen


def _little(value: bytes) -> int:
    return int.from_bytes(value, "little", signed=True)


def _big(value: bytes) -> int:
    return int.from_bytes(value, "big", signed=True)


class _Reader:
    """Thrift's compact protocol: structures as dictionaries from field number to value."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def fields(self) -> _Fields:
        """The structure that begins here."""
        fields: _Fields = {}
        number = 0
        while kind := self._byte():
            step = kind >> 4
            number = number + step if step else self._signed()
            kind &= 0x0F
            fields[number] = kind == 1 if kind in (1, 2) else self._value(kind)
        return fields

    def _value(self, kind: int) -> Any:
        match kind:
            case 1 | 2:  # in a list; a field's value stands in its kind
                return self._byte() == 1
            case 3:
                return self._byte()
            case 4 | 5 | 6:
                return self._signed()
            case 7:
                return self._take(8)
            case 8:
                return self._take(self._unsigned())
            case 9 | 10:
                head = self._byte()
                size = head >> 4
                if size == 15:
                    size = self._unsigned()
                return [self._value(head & 0x0F) for _ in range(size)]
            case 12:
                return self.fields()
            case _:
                raise ValueError(f"a value of kind {kind}")

    def _byte(self) -> int:
        value = self._data[self._at]
        self._at += 1
        return value

    def _unsigned(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def _signed(self) -> int:
        value = self._unsigned()
        return value >> 1 ^ -(value & 1)

    def _take(self, count: int) -> bytes:
        value = self._data[self._at : self._at + count]
        if len(value) != count:
            raise IndexError("the bytes end in the middle of a value")
        self._at += count
        return value
