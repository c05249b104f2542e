"""Markup: whatever a text holds, it stays a text."""

from __future__ import annotations

import pytest
from markupsafe import Markup

from medallion_assets.operations.drawing.markup import breakable, element, joined, number, percent, with_code


def test_texts_and_attributes_are_escaped_and_elements_are_not() -> None:
    inner = element("b", "<i>&")
    made = element("a", inner, "<x>", class_='"><script>', aria_label="'", href=None)
    assert made == '<a class="&#34;&gt;&lt;script&gt;" aria-label="&#39;"><b>&lt;i&gt;&amp;</b>&lt;x&gt;</a>'


def test_braces_of_data_are_no_format() -> None:
    assert element("p", "{0} {}", title="{1}") == '<p title="{1}">{0} {}</p>'


@pytest.mark.parametrize(("value", "text"), [(0.0, "0"), (12.0, "12"), (0.126, "0.13"), (-4.5, "-4.5"), (100, "100")])
def test_numbers_have_two_decimals_at_most(value: float, text: str) -> None:
    assert number(value) == text
    assert percent(value) == f"{number(value * 100)}%"


def test_names_break_at_their_dots_and_underscores_alone() -> None:
    assert breakable("gold.daily_sales") == "gold.<wbr>daily_<wbr>sales"
    assert breakable("a<b_c") == "a&lt;b_<wbr>c"
    assert joined(["<", Markup("<b>")]) == "&lt;<b>"


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("run `medallion verify`", "run <code>medallion verify</code>"),
        ("`a` or `b`, not c", "<code>a</code> or <code>b</code>, not c"),
        ("<i> `<b>&`", "&lt;i&gt; <code>&lt;b&gt;&amp;</code>"),
        ("a ` alone", "a ` alone"),
        ("of two ``lines\n`", "of two ``lines\n`"),
        ("", ""),
    ],
)
def test_what_stands_between_backticks_is_code(text: str, marked: str) -> None:
    assert with_code(text) == marked
