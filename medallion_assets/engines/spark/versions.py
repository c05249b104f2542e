"""Versions: whether an executor would compute what the driver does.

Belongs here: what is compared, and the error where it differs.
Does not: when that is done (engines.spark.work).
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

import polars as pl

from medallion_assets.errors import PermanentError


class OtherVersionError(PermanentError):
    """An executor has another Python, another Polars, or another version of this project."""


@cache
def versions() -> dict[str, str]:
    """What this process has. Hashes of keys are compared between processes, so they have to be the same in all."""
    source = hashlib.sha256()
    for name, text in sorted(_modules(files("medallion_assets"), "")):
        source.update(f"{name}\n".encode() + text)
    hashes = pl.DataFrame({"a": ["x", "", None, "a longer text than sixteen bytes"], "b": [1, 2, 3, None]})
    return {
        "Python": ".".join(platform.python_version_tuple()[:2]),
        "Polars": pl.__version__,
        "medallion_assets": source.hexdigest()[:12],
        "hashes": hashlib.sha256(
            str(hashes.select(pl.struct("a", "b").hash()).to_series().to_list()).encode()
        ).hexdigest()[:12],
    }


def expect_same(driver: dict[str, str]) -> None:
    """See that this process has what the driver has.

    Raises:
        OtherVersionError: it has not.
    """
    here = versions()
    differing = [name for name, version in driver.items() if here.get(name) != version]
    if differing:
        raise OtherVersionError(
            f"an executor on {platform.node()} has another {', '.join(differing)} than the driver",
            expected=", ".join(f"{name} {driver[name]}" for name in differing),
            found=", ".join(f"{name} {here.get(name)}" for name in differing),
            do="install the same release of medallion-assets with its locked requirements where the executors run, and "
            "set MEDALLION_SPARK_PYTHON to that interpreter",
        )


def _modules(folder: Traversable, name: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _modules(entry, f"{name}{entry.name}/")
        elif entry.name.endswith(".py"):
            yield f"{name}{entry.name}", entry.read_bytes()
