"""A line that is read by a template says what the exact reader says of it; any other is left."""

from __future__ import annotations

import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.sources.dynamodb_export.record import Record
from medallion_assets.sources.dynamodb_export.templates import MOST_TEMPLATES, Templates
from medallion_assets_tests.properties.examples import examples
from medallion_assets_tests.refining.typing.decoding import ITEM, change, compact, item
from medallion_assets_tests.sources.dynamodb_export.reading import (
    ATTRIBUTES,
    CHARACTERS,
    check_mutated,
    exactly,
    mutated,
    read_by,
)


def read(lines: list[str], sample: list[str]) -> dict[int, Record]:
    """What templates of a sample make of the lines that are theirs, by their number."""
    return read_by(Templates.learnt(sample, ATTRIBUTES), lines)


def some_line(random: Random) -> str:
    """An item or a change, with what a contract knows, what it does not, and what has another type."""
    text = "".join(random.choices(CHARACTERS, k=random.randrange(4))) if random.random() < 0.3 else f"{random.random()}"
    record = dict(ITEM, pk={"S": text}, price={"N": str(random.randrange(1000))}, pages={"S": "3"}, more={"S": text})
    shape = random.randrange(4)
    if shape == 0:
        return item(**record, note=None)
    if shape == 1:
        return change(record, micros=str(random.randrange(10**16)))
    if shape == 2:
        return change(record, OldImage=record | {"country": {"NULL": True}, "nested": {"L": [{"S": text}]}})
    return change(None, Keys={"pk": {"S": text}})


@examples(9)
@given(seed=st.integers(0, 2**32 - 1))
def test_mutated_lines_are_read_as_the_exact_reader_reads_them(seed: int) -> None:
    """Whatever a line became."""
    random = Random(seed)
    lines = [some_line(random) for _ in range(2_000)]
    check_mutated(lines, random, lambda sample: Templates.learnt(sample, ATTRIBUTES))


@examples(9)
@given(seed=st.integers(0, 2**32 - 1))
def test_templates_may_be_learnt_from_mutated_lines(seed: int) -> None:
    """They are records, or no templates."""
    random = Random(seed)
    learnt = 0
    for _ in range(100):
        sample = mutated(some_line(random), random)
        lines = [sample, *(mutated(sample, random) for _ in range(20))]
        found = read(lines, [sample] * 2)
        assert found == {n: exactly(lines[n]) for n in found}
        learnt += 0 in found
    assert learnt


@pytest.mark.parametrize(
    "line",
    [
        item(pk={"S": "\n"}),
        item(pk={"S": "a\\b"}),
        item().replace("v1", "a\tb"),
        item().replace("v1", 'a"b'),
        item().replace("v1", 'v1"},"z":{"S":"2'),
        item(pk={"S": "}"}),
        item()[:-1],
        item() + "}",
        item() + '"}',
        " " + item(),
        item().replace("pk", "pK"),
        item().replace('"_born":{"S":"2000-02-29', "no more"),
        item(pages={"NULL": True}),
        "",
    ],
)
def test_a_line_that_is_no_filled_template_is_left(line: str) -> None:
    """It may be a record: the other readers will tell."""
    assert read([item(), line], [item()] * 5) == {0: exactly(item())}


@pytest.mark.parametrize("text", ["", " ", "\x7f", "\x80", "{", "{}x", "é😀", "0\x7f", "x" * 100_000, "{S:1},:[]"])
def test_what_json_holds_as_it_is_may_stand_in_a_hole(text: str) -> None:
    """Also nothing, and what marks a hole while a template is learnt."""
    line = item(pk={"S": text})
    assert read([line], [item()] * 5) == {0: exactly(line)}


def test_layouts_have_a_template_each_while_they_are_few() -> None:
    """More of them are left to the decoder: looking for each would cost more."""
    random = Random(1)
    layouts = [dict(random.sample(list(ITEM.items()), len(ITEM))) for _ in range(2 * MOST_TEMPLATES)]
    lines = [compact({"Item": layout}) for layout in layouts]
    few = lines[:MOST_TEMPLATES]
    assert read(few, few * 20) == {n: exactly(line) for n, line in enumerate(few)}
    assert read(lines, lines * 20) == {}


def test_what_marks_holes_may_stand_in_lines() -> None:
    """A line that could be mistaken is left."""
    line = change(ITEM, Metadata={"WriteTimestampMicros": "\x7f0\x7f", "more": 1})
    assert read([line], [line] * 5) == {}


def test_lines_without_holes_teach_nothing() -> None:
    """And neither do lines that are no records."""
    lines = ['{"Item":{"pk":{"NULL":true}}}', "", "{}", '{"a":{"S":"x"}}', '{"Item":"x"}', json.dumps(ITEM) + '"}']
    assert read(lines, lines * 10) == {}
