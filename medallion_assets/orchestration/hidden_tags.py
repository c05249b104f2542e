"""Tags of runs that are for this project and not for people: Dagster's UI shows none whose key begins like these.

Belongs here: their keys, reading them also of runs that an earlier release started, under keys that were shown, and
adding tags to a run that has begun.
Does not: what people filter runs by (trigger, cause, days, user), which stays to be seen; what a tag means.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import dagster as dg

PREFIX = ".dagster/medallion_"
SHOWN_PREFIX = "medallion/"
"""What keys began with in earlier releases."""


def hidden_tag(name: str) -> str:
    """The key of a tag that nobody is shown."""
    return f"{PREFIX}{name}"


def value_of(tag: str, tags: Mapping[str, str]) -> str | None:
    """The value of a hidden tag among the tags of a run."""
    return next((tags[key] for key in keys_of(tag) if key in tags), None)


def tag_run(instance: dg.DagsterInstance, run: dg.DagsterRun, tags: Mapping[str, str]) -> None:
    """Add tags to a run as it is stored, and to the copy of it that this process has."""
    instance.add_run_tags(run.run_id, dict(tags))
    cast("dict[str, str]", run.tags).update(tags)


def filters(tag: str, value: str) -> list[dg.RunsFilter]:
    """The runs that carry a hidden tag with a value; no run is of two of these."""
    return [dg.RunsFilter(tags={key: value}) for key in keys_of(tag)]


def keys_of(tag: str) -> tuple[str, str]:
    """The key of a hidden tag, and that of earlier releases."""
    return tag, tag.replace(PREFIX, SHOWN_PREFIX, 1)
