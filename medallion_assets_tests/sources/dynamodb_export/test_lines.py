"""Reading many lines gives exactly what reading each alone gives, whatever its neighbours are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.sources.dynamodb_export import lines as decode_lines
from medallion_assets.sources.dynamodb_export.lines import LEAF_LINES, AttributeReader, Spelling
from medallion_assets.sources.dynamodb_export.record import Attribute, Record, RecordReader
from medallion_assets_tests.properties.examples import examples
from medallion_assets_tests.refining.typing.decoding import ITEM, change, compact, item
from medallion_assets_tests.sources.dynamodb_export.reading import ATTRIBUTES, exactly, record_of


def read(lines: list[str], *, sample: list[str] | None = None) -> list[Record]:
    """What the fast reader makes of the lines, in the form of the exact reader."""
    reader = AttributeReader(ATTRIBUTES, few=0)
    if sample:
        reader._spelling = Spelling.learnt(pl.Series(sample), ATTRIBUTES)
    frame = reader.read(pl.Series(lines, dtype=pl.String))
    return [record_of(row) for row in frame.iter_rows(named=True)]


_TEXTS = st.sampled_from(("", " ", "a", '"', "\\", ":{", '":', '":"', "é😀", "\x00", "\n", "}},{", '"S":5', "\\ud800"))
_SCALARS = st.one_of(
    st.builds(dict, S=_TEXTS),
    st.builds(dict, N=st.sampled_from(("1", "1E2", "NaN"))),
    st.sampled_from(({"BOOL": True}, {"BOOL": False}, {"NULL": True}, {"B": "aGk="}, {"SS": ["b", "a"]})),
)
_NESTED = st.sampled_from(({"L": [{"S": "x"}, {"M": {"pk": {"S": "y"}}}]}, {"M": {}}, {"M": {"a": {"NULL": True}}}))
_ILL: st.SearchStrategy[Any] = st.sampled_from(
    ("bare", 5, None, True, [], {}, {"S": 5}, {"S": None}, {"S": ["a"]}, {"N": 1.5}, {"BOOL": "true"}, {"NULL": False})
) | st.sampled_from(({"S": "a", "N": "1"}, {"S": "a", "NULL": True}, {"NULL": "true"}, {"BOOL": 1}))
_IMAGES = st.dictionaries(
    st.sampled_from((*ITEM, "extra", "more, of it", "S")), st.one_of(_SCALARS, _SCALARS, _NESTED, _ILL), max_size=5
)
_WRITTEN = st.sampled_from(({"N": "17"}, "17", 17, {"N": 17}, 1.5, True, None, {"N": "x"}, {"S": "17"}, "x", -3, "017"))
_RECORDS: st.SearchStrategy[Any] = st.one_of(
    st.builds(lambda image: {"Item": {**ITEM, **image}}, _IMAGES),
    st.builds(lambda image: {"Item": image}, _IMAGES),
    st.builds(lambda image: {"Item": image, "Keys": {}}, _IMAGES),
    st.fixed_dictionaries(
        {"Metadata": st.fixed_dictionaries({"WriteTimestampMicros": _WRITTEN}), "Keys": _IMAGES},
        optional={"OldImage": _IMAGES, "NewImage": _IMAGES | st.sampled_from((None, 5, []))},
    ),
    st.sampled_from(({}, [], None, 5, {"Item": 5}, {"Item": None, "Keys": {}}, {"Keys": {}}, {"NewImage": {}})),
)
_SPELLINGS = st.sampled_from(
    (
        compact,
        json.dumps,
        lambda record: json.dumps(record, separators=(",", ":")),
        lambda record: json.dumps(record, separators=(", ", " : ")),
        lambda record: compact(record)[:-1],
        lambda record: compact(record) + "," + compact(record),
        lambda record: " " + compact(record),
        lambda record: compact(record).replace("a", "\\ud800"),
        lambda record: compact(record).replace('"pk"', '"country"'),
        lambda _: "",
    )
)
_LINES = st.builds(lambda record, spell: spell(record), _RECORDS, st.just(compact) | _SPELLINGS)


@examples(100)
@given(st.lists(_LINES, max_size=12))
def test_neighbours_make_no_difference(lines: list[str]) -> None:
    """Any lines together, and each alone: the same."""
    assert read(lines) == list(map(exactly, lines))


def test_lines_that_swap_rows_are_found() -> None:
    """Two lines that merge and one that splits keep the height, and would give the rows between to their neighbours."""
    merged = ['{"Item":{"z":{"L":[{"M":{}}', '{"Item":{}}]}}}']
    split = compact({"Item": {"pk": {"S": "s"}}})
    lines = [*merged, item(pk={"S": "v1"}), item(pk={"S": "v2"}), f"{split},{split}", item(pk={"S": "v3"})]
    records = read(lines)
    assert [record.verdict for record in records] == [
        "malformed_json",
        "malformed_json",
        None,
        None,
        "malformed_json",
        None,
    ]
    assert [record.values[0] for record in records] == [None, None, "v1", "v2", None, "v3"]


def test_it_learns_once_how_lines_are_written_and_again_when_many_are_written_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Few lines change nothing, and teach nothing, unless they are long; what reads most is kept."""
    learnt_from: list[int] = []
    learn = Spelling.learnt

    def counted(lines: pl.Series, attributes: Sequence[Attribute]) -> Spelling:
        learnt_from.append(lines.len())
        return learn(lines, attributes)

    monkeypatch.setattr(Spelling, "learnt", counted)
    few, many = decode_lines.FEW_TO_LEARN_FROM, decode_lines.FEW_TO_LEARN_FROM + 1
    reader = AttributeReader(ATTRIBUTES, few=0)
    long = item(note={"S": "x" * decode_lines.FEW_BYTES})
    quoted = item(note={"S": 'a "quote"'})
    reads = [
        ([item()] * few, [few]),
        ([item()] * many, [many]),
        ([item()] * many + [change(ITEM)] * few, []),
        ([change(ITEM)] * many + [item()] * (many + 1), [many]),
        ([item()] * many + [quoted] * many, [many]),
        ([item()] * many, []),
        ([change(ITEM)] * many, [many]),
        ([change(ITEM)] * many, []),
        ([""] * many, [many]),
        ([], []),
        ([change(ITEM)] * many, []),
        ([change(ITEM)] * many + [long] * 2, [2]),
        ([long] * 3, [3]),
        ([long] * 3, []),
    ]
    for lines, expected in reads:
        frame = reader.read(pl.Series(lines, dtype=pl.String))
        assert [record_of(row) for row in frame.iter_rows(named=True)] == list(map(exactly, lines))
        assert learnt_from == expected
        learnt_from.clear()


@pytest.mark.parametrize("name", ["*", "^.*$", "", "?", "NULL", "ö", 'a"b'])
def test_any_name_may_be_unknown(name: str) -> None:
    """Also names that Polars would take for patterns."""
    lines = [item(**{name: {"S": "x"}}), item(), change({name: {"NULL": True}}, OldImage={name: {"S": "x"}})]
    assert [record.unknown for record in read(lines)] == [[name], [], [name]]
    assert read(lines) == list(map(exactly, lines))


def test_more_unknown_names_than_are_looked_for() -> None:
    """The rest is found line by line."""
    names = [f"name_{number:02}" for number in range(decode_lines.MOST_NAMES_LOOKED_FOR)]
    line = item(**{name: {"S": "x"} for name in names}, y={"L": []}, z={"M": {"d": {"S": "x"}}})
    assert read([line])[0].unknown == [*names, "y", "z"]


def test_a_malformed_line_does_not_send_its_neighbours_to_the_exact_reader() -> None:
    """Only the lines of its leaf are read one by one."""
    lines = [item(pk={"S": str(n)}) for n in range(3 * LEAF_LINES)]
    lines[LEAF_LINES] = item(pk="bare")
    reader = AttributeReader(ATTRIBUTES, few=0)
    reader._spelling = Spelling.learnt(pl.Series(lines[:1]), ATTRIBUTES)
    exact = reader._exact
    one_by_one: list[str] = []

    class Counting(RecordReader):
        def read(self, line: str) -> Record:
            one_by_one.append(line)
            return exact.read(line)

    reader._exact = Counting(ATTRIBUTES)
    frame = reader.read(pl.Series(lines))
    assert one_by_one == lines[LEAF_LINES : 2 * LEAF_LINES]
    assert frame["_wrong:visit_id"].arg_true().to_list() == [LEAF_LINES]


@pytest.mark.parametrize(
    "line",
    [
        item(extra={"L": [json.loads("[" * 100 + "]" * 100)]}),
        item(extra=json.loads("[" * 900 + "]" * 900)),
        '{"Item":{"pk":' + "[" * 200_000 + "]" * 200_000 + "}}",
        item(pk={"S": "x" * 2_000_000}),
        item(**{"a note": {"S": "\x00"}}),
        item().replace("héllo", "\x00"),
        item().replace("héllo", "\\uD800"),
        item().replace("héllo", "\\ud83d\\ude00"),
        item().replace('"_born"', '"pk"'),
        "\ufeff" + item(),
    ],
    ids=["nested", "deep", "too deep", "long", "NUL", "bare NUL", "half a pair", "pair", "twice", "byte order mark"],
)
def test_strange_lines_are_read_and_harm_nobody(line: str) -> None:
    """No panic, no crash, and the neighbours stay what they are."""
    before, strange, after = read([item(), line, item()], sample=[item()])
    assert [strange] == list(map(exactly, [line]))
    assert [before, after] == list(map(exactly, [item(), item()]))


@pytest.mark.parametrize(
    "line",
    [
        item(pk={}, country={"S": "US", "N": "1"}),
        item(country={"S": "US", "N": "1"}).replace('"pk":', '"pk" :'),
        item(country={"S": 5}, **{"a note": {"S": '""'}}),
        change({"country": {"S": "US", "N": "1"}}, OldImage={"pk": {}}),
    ],
    ids=["type missing, type too many", "space, type too many", "quotes missing, escapes", "in the old image"],
)
def test_flaws_that_make_up_for_each_other_are_found(line: str) -> None:
    """Neither the number of bytes nor of names tells of these."""
    assert read([line, item()]) == list(map(exactly, [line, item()]))
