"""Places of this project, which have to lie apart: nobody's files may be taken for somebody else's.

Belongs here: whether the place of remote attempts is one of its own, and the queue is of the place of exports.
Does not: what an allowed URL is, or reading the environment (the room itself).
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from medallion_assets.errors import SettingsError

NAME = "MEDALLION_REMOTE_URL"
EVENTS_QUEUE = "MEDALLION_EXPORT_EVENTS_QUEUE"


def expect_events_of(queue_url: str, raw_url: str) -> str:
    """The queue that tells of new exports, or nothing.

    Raises:
        SettingsError: it is no queue, or exports do not lie in S3, which alone tells of them.
    """
    if queue_url and not re.fullmatch(r"https?://[^/\s]+/\S+", queue_url):
        expected = "the URL of an SQS queue, such as https://sqs.us-west-2.amazonaws.com/123456789012/exports"
        do = f"correct or unset {EVENTS_QUEUE}"
        raise SettingsError(f"{EVENTS_QUEUE} is not a queue", expected=expected, found=repr(queue_url), do=do)
    if queue_url and not raw_url.startswith("s3://"):
        raise SettingsError(
            f"{EVENTS_QUEUE} is set, but a queue reports only exports in S3",
            expected="MEDALLION_RAW_URL as s3://bucket/prefix",
            found=raw_url,
            do=f"unset {EVENTS_QUEUE}: exports on a disk are found without one",
        )
    return queue_url


def usual_remote_url(lakehouse_url: str) -> str:
    """Where requests and messages lie unless somebody says otherwise: where no table is."""
    return f"{lakehouse_url}/operations/remote"


def expect_place_of_its_own(remote_url: str, *, lakehouse_url: str, raw_url: str, home: Path) -> None:
    """See that what remote attempts leave, and its removal, cannot meet tables, exports or runs.

    Inside the lakehouse the usual place is the only one, and it may be inside the others as the lakehouse may.

    Raises:
        SettingsError: the place is, holds or lies in another one.
    """
    remote, usual = _steps(remote_url), _steps(usual_remote_url(lakehouse_url))
    is_usual = _holds(usual, remote)
    for name, url, may_hold in (
        ("MEDALLION_LAKEHOUSE_URL", lakehouse_url, is_usual),
        ("MEDALLION_RAW_URL", raw_url, is_usual),
        ("Dagster's home in MEDALLION_HOME", str(home / "dagster_home"), is_usual),
        ("MEDALLION_HOME", str(home), True),
    ):
        place = _steps(url)
        if _holds(remote, place) or (_holds(place, remote) and not may_hold):
            is_in = "is" if remote == place else "holds" if _holds(remote, place) else "lies in"
            raise SettingsError(
                f"{NAME} is not a place of its own",
                expected="a place with nothing else in it: old requests and messages are removed there",
                found=f"{remote_url}, which {is_in} {name} ({url})",
                do=f"unset {NAME} ({usual_remote_url(lakehouse_url)}), or set it to a prefix that nothing else uses",
            )


def _steps(url: str) -> tuple[str, ...]:
    """Scheme, bucket and folders; of a path those to which links lead."""
    path = url if url.startswith("s3://") else os.path.realpath(url)  # which follows a loop of links no further
    return tuple(step for step in path.split("/") if step)


def _holds(outer: tuple[str, ...], inner: tuple[str, ...]) -> bool:
    return inner[: len(outer)] == outer
