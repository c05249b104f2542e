"""An item that is read in any order says what the exact reader says of it; any other line is left."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.sources.dynamodb_export.any_order import MOST_MEMBERS, AnyOrder
from medallion_assets.sources.dynamodb_export.record import Record
from medallion_assets_tests.properties.examples import examples
from medallion_assets_tests.refining.typing.decoding import change, compact
from medallion_assets_tests.sources.dynamodb_export.reading import (
    ATTRIBUTES,
    CHARACTERS,
    check_mutated,
    exactly,
    mutated,
    read_by,
)

STRINGS = {
    "pk": {"S": "v1"},
    "price": {"N": "12.50"},
    "pages": {"S": "3"},
    "more": {"S": "x"},
    "\u00e9": {"B": "aGk="},
    "country": {"S": "AT"},
}
"""Known attributes, one of them of another type, and some that no contract knows."""


def read(lines: list[str], sample: list[str]) -> dict[int, Record]:
    """What the members of a sample make of the lines that are theirs, by their number."""
    return read_by(AnyOrder.learnt(sample, ATTRIBUTES), lines)


def some_item(random: Random) -> str:
    """Some of the attributes, in any order; seldom with what JSON escapes, or another type."""
    names = random.sample(list(STRINGS), random.randrange(1, len(STRINGS) + 1))
    members: dict[str, object] = {name: {kind: f"{random.random()}"} for name in names for kind in STRINGS[name]}
    if random.random() < 0.1:
        members[random.choice(names)] = {"S": "".join(random.choices(CHARACTERS, k=random.randrange(4)))}
    if random.random() < 0.03:
        members["note"] = {"NULL": True}
    return compact({"Item": members})


@examples(9)
@given(seed=st.integers(0, 2**32 - 1))
def test_mutated_lines_are_read_as_the_exact_reader_reads_them(seed: int) -> None:
    """Whatever a line became."""
    random = Random(seed)
    lines = [some_item(random) for _ in range(2_000)]
    check_mutated(lines, random, lambda sample: AnyOrder.learnt(sample, ATTRIBUTES))


@examples(9)
@given(seed=st.integers(0, 2**32 - 1))
def test_members_may_be_learnt_from_mutated_lines(seed: int) -> None:
    """They are members, or none."""
    random = Random(seed)
    learnt = 0
    for _ in range(100):
        sample = [mutated(some_item(random), random) if random.random() < 0.2 else some_item(random) for _ in range(9)]
        lines = [*sample, *(mutated(line, random) for line in sample)]
        found = read(lines, sample)
        assert found == {n: exactly(lines[n]) for n in found}
        learnt += bool(found)
    assert learnt


GOOD = compact({"Item": STRINGS})


@pytest.mark.parametrize(
    "line",
    [
        "",
        "}}",
        '{"Item":{}}',
        GOOD[:-1],
        '{"Item":{"pk":{"S":"v1"}}}"},"price":{"N":"12',
        GOOD + "}",
        GOOD + '"}',
        " " + GOOD,
        GOOD.replace('"}}}', '"}}"}'),
        GOOD.replace("},", "}, ", 1),
        GOOD.replace("},", "}", 1),
        GOOD.replace('{"Item":{', '{"Item":{,'),
        GOOD.replace('{"Item":{', ","),
        GOOD.replace('"pages"', '"pk"'),
        GOOD.replace('"country":{"S":"AT"}', '"pk":{"S":"v1"}'),
        GOOD.replace("v1", "a\tb"),
        GOOD.replace("v1", 'a"b'),
        GOOD.replace("v1", 'v1"}}'),
        GOOD.replace("v1", 'v1"},"pk":{"S":"v2'),
        compact({"Item": STRINGS | {"pk": {"S": "a\\b"}}}),
        compact({"Item": STRINGS | {"pk": {"N": "1"}}}),
        compact({"Item": STRINGS | {"another": {"S": "x"}}}),
        compact({"Item": STRINGS | {"pages": {"NULL": True}}}),
        compact({"Item": STRINGS, "More": {"pk": {"S": "x"}}}),
    ],
)
def test_a_line_that_has_anything_else_is_left(line: str) -> None:
    """It may be a record: the other readers will tell."""
    assert line != GOOD
    assert read([GOOD, line], [GOOD] * 5) == {0: exactly(GOOD)}


@pytest.mark.parametrize("text", ["", " ", "\x7f", "\x80", "{", "{}x", "é😀", "x" * 100_000, "{S:1},:[]"])
def test_what_json_holds_as_it_is_may_stand_in_a_string(text: str) -> None:
    line = compact({"Item": {"pk": {"S": text}, "country": {"S": text}}})
    assert read([line], [GOOD] * 5) == {0: exactly(line)}


def test_of_an_attribute_of_two_types_the_frequent_one_is_read() -> None:
    """One line with both would be no record."""
    seldom = compact({"Item": STRINGS | {"pk": {"N": "1"}}})
    assert read([GOOD, seldom], [*[GOOD] * 9, seldom]) == {0: exactly(GOOD)}


def test_lines_of_very_many_attributes_and_changes_teach_nothing() -> None:
    """The decoder is faster, or knows what a change is."""
    many = compact({"Item": {f"a{n}": {"S": "x"} for n in range(MOST_MEMBERS + 1)}})
    for lines in ([many], [change(STRINGS)], ["", "{}", '{"Item":{"pk":{"NULL":true}}}']):
        assert read(lines, lines * 10) == {}
