"""Text of somebody else commands neither a terminal nor a table."""

from __future__ import annotations

import json

import pytest

from medallion_assets.errors.visible_text import visible, visible_json


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "␛[31mred"),
        ("bell\a back\b nul\0", "bell␇ back␈ nul␀"),
        ("\x9b31m", "\ufffd31m"),
        ("\x7f", "␡"),
        ("a\u202eb\u2066c", "a\ufffdb\ufffdc"),
        ("line\nfeeds stay\r", "line\nfeeds stay␍"),
        ("é 😀 [red] שלום", "é 😀 [red] שלום"),
    ],
)
def test_what_commands_is_a_symbol(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_json_says_the_same_and_holds_none_of_them() -> None:
    facts = {"\x9b": ["\x1b", "\x7f", "a\u2028b\u202e", "é\n"]}
    document = visible_json(json.dumps(facts, ensure_ascii=False))
    assert json.loads(document) == facts
    assert not any(
        ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 or character in "\u2028\u202e" for character in document
    )
    assert "é" in document
