"""Small and nasty months of events, in several versions.

Belongs here: which versions of which months there are, and what their lines say.
Does not: what they mean (months.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

HEADER = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session"
MONTHS = ("2019-Oct", "2019-Nov")
_TIMES = {
    "2019-Oct": ("2019-10-01 00:00:00 UTC", "2019-10-31 23:59:59 UTC"),
    "2019-Nov": ("2019-11-01 00:00:00 UTC", "2019-11-30 23:59:59 UTC"),
}
_ODD_TIMES = (
    "2019-11-01 00:00:00 UTC",
    "2019-10-31 23:59:59 UTC",
    "2019-11-31 00:00:00 UTC",
    "2019-10-02T00:00:00Z",
    "",
)
_USUAL, _ODD = 6, 1


@dataclass(frozen=True)
class Version:
    """A version of a month; the greater number was written later."""

    month: str
    number: int
    lines: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its file; every second one is packed."""
        return f"{self.month}.csv" + (".gz" if self.number % 2 else "")

    @property
    def text(self) -> str:
        """What stands in it."""
        return "".join(f"{line}\n" for line in (HEADER, *self.lines))


def _mostly(usual: tuple[str, ...], odd: tuple[str, ...]) -> st.SearchStrategy[str]:
    return st.sampled_from([*usual * _USUAL, *odd * _ODD])


@st.composite
def lines(draw: st.DrawFn, month: str) -> str:
    """A line of few values, so that equal ones are frequent; some mean the same in other words."""
    texts = (
        draw(_mostly(_TIMES[month], _ODD_TIMES)),
        draw(_mostly(("view", "purchase", "Purchase", "cart"), ("buy", ""))),
        "1",
        "2",
        draw(st.sampled_from(("", "a.b"))),
        draw(st.sampled_from(("", " ", "lg", "LG", " lg ", "sony"))),
        draw(_mostly(("1.5", "", "15e-1", "0", "99999999.9999"), ("-0.01", "1.23456", "dear"))),
        draw(_mostly(("7",), ("", " "))),
        draw(st.sampled_from(("", "s"))),
    )
    quotes = draw(st.sampled_from(("", "", "", '"')))  # around every text, or around none: they say the same
    return ",".join(f"{quotes}{text}{quotes}" for text in texts)


@st.composite
def versions(draw: st.DrawFn) -> tuple[Version, ...]:
    """Versions of two months. Each has a good line, so that nobody has to decide about it (rule C7)."""
    slots = st.tuples(st.sampled_from(MONTHS), st.integers(1, 6))
    found = []
    for month, number in draw(st.lists(slots, min_size=1, max_size=5, unique=True)):
        good = f"{_TIMES[month][0]},view,1,2,,,1,7,"
        found.append(
            Version(month, number, tuple(draw(st.permutations([good, *draw(st.lists(lines(month), max_size=7))]))))
        )
    return tuple(found)
