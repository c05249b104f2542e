"""Reasons: what a person has to say when they decide something.

Belongs here: what stands for a reason in a command to copy, and refusing what is none.
Does not: what needs a reason, or where it is kept.
"""

from __future__ import annotations

from medallion_assets.errors import PermanentError

REASON = "<reason>"
"""What stands in a command for the reason that a person has to give."""


def expect_reason(what: str, reason: str, *, where: str | None = None, do: str = "say why") -> None:
    """Refuse a reason that says nothing: it is blank, or what stands for one in a command to copy.

    Raises:
        PermanentError: `what`, a clause, names that which lacks a reason, and `where` its place; `do` says where to
            give it.
    """
    if reason.strip() in ("", REASON):
        raise PermanentError(
            f"{what} has no reason",
            where=where,
            expected="a few words that explain it to later readers",
            found=repr(reason),
            do=do,
        )
