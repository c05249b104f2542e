"""The forms a record comes in, as Polars sees them: what to decode, and whether a decoded row says what its line says.

Belongs here: the schemas for `json_decode`, the expressions that read its structs, and the two proofs of a row.
Does not: what a single record means, or running the decoder.

Why proofs are needed. `json_decode` joins its lines into one JSON array, so two broken lines can shift the rows between
them; `{"S":5}` comes out as "5", a lone surrogate as NUL, the first of two equal names wins, and names that the schema
lacks leave no trace. So a row is trusted only when what was decoded accounts for every byte of its line, or every name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from medallion_assets.contracts.source import wrong
from medallion_assets.sources.dynamodb_export.record import Attribute

LINE = pl.col("_line")
RECORD = pl.col("_record")
METADATA = "Metadata"

_PRESENCE = pl.Struct({"?": pl.String()})
"""Decodes any attribute, and says only that it is there."""
_UNCOUNTABLE = r'"[SN]":[^"]|\\u[dD][89a-fA-F]|":\{\}|"[ \t\r\n]+:'
"""Where `json_decode` changes values (no string in S or N, surrogates), and where there could be fewer names than it
seems: an attribute without a type, and white space between a name and its colon."""
_INCREMENTAL = LINE.str.starts_with('{"') & LINE.str.ends_with("}}") & ~LINE.str.starts_with('{"Item"')


def with_plain_names(records: pl.Series) -> pl.Series:
    """Decoded records with the names of attributes as `_plain` has them."""
    parts = records.struct.unnest()
    images = [part.struct.rename_fields([_plain(field.name) for field in _fields(part)]) for part in parts]
    return parts.with_columns(image for image in images if image.name != METADATA).to_struct(records.name)


def _fields(part: pl.Series) -> list[pl.Field]:
    return part.dtype.fields if isinstance(part.dtype, pl.Struct) else []


def _plain(name: str) -> str:
    """The field of an attribute: Polars takes `*` and `^...$` for patterns, and an attribute may have any name."""
    return f"={name}"


@dataclass(frozen=True, slots=True, eq=False)
class RecordForm:
    """A form of record. `lines` says which lines have it (most likely: the proofs decide).

    `metadata` is the schema of Metadata, None in a full export; `names`
    counts the names of a record outside of its images.
    """

    lines: pl.Expr
    metadata: pl.Struct | None
    sequence: pl.Expr
    names: int

    @property
    def is_full(self) -> bool:
        """Whether the records are items of a full export."""
        return self.metadata is None

    @property
    def is_delete(self) -> pl.Expr:
        """Whether the record is a delete (rule R2)."""
        return pl.lit(False) if self.is_full else RECORD.struct.field("NewImage").is_null()

    def schema(self, attributes: Sequence[Attribute], unknown: Sequence[str]) -> pl.Struct:
        """What `json_decode` makes of a line; `unknown` are names beyond the contract that some lines have."""
        keys: dict[str, dict[str, pl.DataType]] = {}
        others: dict[str, dict[str, pl.DataType]] = {}
        for attribute in attributes:
            variant = pl.Boolean() if attribute.variant == "BOOL" else pl.String()
            fields = (keys if attribute.is_key else others).setdefault(attribute.source, {"NULL": pl.Boolean()})
            fields[attribute.variant] = variant
        key_fields = {name: pl.Struct(fields) for name, fields in keys.items()}
        other_fields = {name: pl.Struct(fields) for name, fields in others.items()}
        present = dict.fromkeys(unknown, _PRESENCE)
        if self.metadata is None:
            every = {name: pl.Struct(keys.get(name, {}) | others.get(name, {})) for name in (*keys, *others)}
            return pl.Struct({"Item": pl.Struct({**every, **present})})
        present_keys = dict.fromkeys(keys, _PRESENCE)
        return pl.Struct(
            {
                METADATA: self.metadata,
                "Keys": pl.Struct(key_fields),
                "NewImage": pl.Struct({**present_keys, **other_fields, **present}),
                "OldImage": pl.Struct(dict.fromkeys((*keys, *others, *unknown), _PRESENCE)),
            }
        )

    def columns(self, attributes: Sequence[Attribute]) -> list[pl.Expr]:
        """The value of each attribute as text, and whether its type is wrong."""
        columns = []
        for attribute in attributes:
            variants = self._image(is_key=attribute.is_key).struct.field(_plain(attribute.source))
            value = variants.struct.field(attribute.variant)
            is_null = variants.struct.field("NULL").fill_null(False)
            columns.append(value.cast(pl.String).alias(attribute.column))
            columns.append((variants.is_not_null() & value.is_null() & ~is_null).alias(wrong(attribute.column)))
        return columns

    def present(self, unknown: Sequence[str]) -> list[pl.Expr]:
        """For each name beyond the contract, in their order, whether the record's item or new image has it."""
        image = self._image(is_key=False)
        return [image.struct.field(_plain(name)).is_not_null().alias(_plain(name)) for name in unknown]

    def accounts_for_every_byte(self, attributes: Sequence[Attribute]) -> pl.Expr:
        """True where the line is as long as what was decoded, written compactly: then there is nothing else in it.

        Cheap, but only the item of a full export passes, without names beyond the contract and without escapes: those
        could make up for what the decoder changes.
        """
        if not self.is_full:
            return pl.lit(False)
        lengths = []
        for name, variant in {attribute.source: attribute.variant for attribute in attributes}.items():
            variants = self._image(is_key=False).struct.field(_plain(name))
            value = variants.struct.field(variant).cast(pl.String).str.len_bytes()
            around = len(f',"{name}":{{"{variant}":}}'.encode()) + (0 if variant == "BOOL" else len('""'))
            null = len(f',"{name}":{{"NULL":true}}'.encode())
            lengths.append(pl.coalesce(value + around, variants.struct.field("NULL").cast(pl.UInt32) * null))
        # The first attribute has no comma before it.
        fits = pl.sum_horizontal(lengths) + len('{"Item":{}}') - 1 == LINE.str.len_bytes()
        return fits & ~LINE.str.contains("\\", literal=True)

    def accounts_for_every_name(self, attributes: Sequence[Attribute], unknown: Sequence[str]) -> pl.Expr:
        """True where the line has as many names as what was decoded, and no value that the decoder changes.

        A change without Keys is no record, and is left to the exact reader.
        """
        sources = {attribute.source for attribute in attributes}
        keys = {attribute.source for attribute in attributes if attribute.is_key}
        everything = (*sources, *unknown)
        names = [pl.lit(self.names, pl.UInt32)]
        if self.is_full:
            names.append(_names_in(RECORD.struct.field("Item"), everything))
        else:
            names.append(_names_in(RECORD.struct.field("Keys"), tuple(keys)))
            names += [_names_in(RECORD.struct.field(image), everything) for image in ("NewImage", "OldImage")]
        counted = LINE.str.count_matches('":', literal=True)
        has_keys = pl.lit(True) if self.is_full else RECORD.struct.field("Keys").is_not_null()
        return has_keys & (pl.sum_horizontal(names) == counted) & ~LINE.str.contains(_UNCOUNTABLE)

    def _image(self, *, is_key: bool) -> pl.Expr:
        if self.is_full:
            return RECORD.struct.field("Item")
        return RECORD.struct.field("Keys" if is_key else "NewImage")


def _names_in(image: pl.Expr, names: Sequence[str]) -> pl.Expr:
    """How many names an image takes: its own, and two for each attribute (its name and its type)."""
    present = pl.sum_horizontal(*(image.struct.field(_plain(name)).is_not_null().cast(pl.UInt32) * 2 for name in names))
    return pl.when(image.is_not_null()).then(present + 1).otherwise(0)


_WRITTEN = RECORD.struct.field(METADATA).struct.field("WriteTimestampMicros")
SHAPES = (
    RecordForm(LINE.str.starts_with('{"Item":{') & LINE.str.ends_with("}}"), None, pl.lit(None, pl.String), 0),
    RecordForm(
        _INCREMENTAL & LINE.str.contains('"WriteTimestampMicros":{"N":"', literal=True),
        pl.Struct({"WriteTimestampMicros": pl.Struct({"N": pl.String()})}),
        _WRITTEN.struct.field("N"),
        len(("Metadata", "WriteTimestampMicros", "N")),
    ),
    RecordForm(
        _INCREMENTAL & LINE.str.contains('"WriteTimestampMicros":"?[0-9]+"?[,}]'),
        pl.Struct({"WriteTimestampMicros": pl.String()}),
        _WRITTEN,
        len(("Metadata", "WriteTimestampMicros")),
    ),
)
"""An item of a full export; an incremental record whose time is `{"N":"..."}`; one with a bare string or integer."""
