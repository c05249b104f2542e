"""Places of this project, which have to lie apart: nobody's files may be taken for somebody else's.

Belongs here: whether the place of remote attempts is one of its own.
Does not: what an allowed URL is, or reading the environment (the room itself).
"""

from __future__ import annotations

from pathlib import Path

from medallion_assets.errors import SettingsError

NAME = "MEDALLION_REMOTE_URL"


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
                f"{NAME} is no place of its own",
                expected="a place where nothing else lies: old requests and messages are removed there",
                found=f"{remote_url}, which {is_in} {name} ({url})",
                do=f"unset {NAME} ({usual_remote_url(lakehouse_url)}), or set it to a prefix that nothing else uses",
            )


def _steps(url: str) -> tuple[str, ...]:
    """Scheme, bucket and folders; of a path those to which links lead."""
    path = url if url.startswith("s3://") else str(Path(url).resolve())
    return tuple(step for step in path.split("/") if step)


def _holds(outer: tuple[str, ...], inner: tuple[str, ...]) -> bool:
    return inner[: len(outer)] == outer
