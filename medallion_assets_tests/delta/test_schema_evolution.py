"""A contract gains a column: the table follows; it changes a type: that is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from medallion_assets.contracts.table import Column, Decimal, Integer, Table, Text, TextList, Type
from medallion_assets.errors import PermanentError
from medallion_assets_tests.pipeline import lakehouse_at

NOTES = Table(name="operations.notes", description="", columns=(Column("note", Text(), "what"),))
LONGER = replace(NOTES, columns=(*NOTES.columns, Column("size", Integer(), "how much", nullable=True)))


def test_a_gained_column_is_in_the_schema_and_null_in_older_rows(tmp_path: Path) -> None:
    lakehouse = lakehouse_at(tmp_path)
    before = lakehouse.ready(NOTES)
    before.commit([before.folder.write(pl.LazyFrame({"note": ["old"]}))])
    after = lakehouse.ready(LONGER)
    after.commit([after.folder.write(pl.LazyFrame({"note": ["new"], "size": [3]}))])
    rows = lakehouse.open(LONGER).scan().collect().sort("note").rows()
    assert rows == [("new", 3), ("old", None)]
    assert [field.name for field in DeltaTable(after.uri).schema().fields] == ["note", "size"]
    assert lakehouse.open(LONGER).version == 3
    assert DeltaTable(after.uri).protocol().min_writer_version == 2


@pytest.mark.parametrize("kind", [Integer(), Decimal(20, 2), TextList()], ids=str)
def test_a_changed_type_is_refused_in_the_words_of_contracts(tmp_path: Path, kind: Type) -> None:
    """In both directions: what the table holds is said as the contract would."""
    lakehouse = lakehouse_at(tmp_path)
    other = replace(NOTES, name="operations.others", columns=(Column("note", kind, "what"),))
    for made, asked in ((NOTES, replace(other, name=NOTES.name)), (other, replace(NOTES, name=other.name))):
        lakehouse.ready(made)
        with pytest.raises(PermanentError, match="column note has another type") as refused:
            lakehouse.open(asked)
        assert refused.value.expected == str(asked.column("note").type)
        assert refused.value.found == str(made.column("note").type)
