"""Versions: whether an executor would compute what the driver does.

Belongs here: what is compared, and the error where it differs.
Does not: when that is done.
"""

from __future__ import annotations

import hashlib
import platform
from functools import cache

import polars as pl

from medallion_assets.errors import PermanentError
from medallion_assets.settings.spark import PROJECT
from medallion_assets.storage.packages import digest


class OtherVersionError(PermanentError):
    """An executor has another Python, another Polars, or another version of this project or of a pipeline's package."""


PACKAGE = "package "
"""What the packages of a user's pipelines are listed with."""


@cache
def versions(packages: tuple[str, ...] = ()) -> dict[str, str]:
    """What this process has. Hashes of keys are compared between processes, so they have to be the same in all."""
    hashes = pl.DataFrame({"a": ["x", "", None, "a longer text than sixteen bytes"], "b": [1, 2, 3, None]})
    return {
        "Python": ".".join(platform.python_version_tuple()[:2]),
        "Polars": pl.__version__,
        PROJECT: digest(PROJECT),
        "hashes": hashlib.sha256(
            str(hashes.select(pl.struct("a", "b").hash()).to_series().to_list()).encode()
        ).hexdigest()[:12],
        **{f"{PACKAGE}{name}": digest(name) for name in packages},
    }


def expect_same(driver: dict[str, str]) -> None:
    """See that this process has what the driver has.

    Raises:
        OtherVersionError: it has not.
    """
    here = versions(tuple(name.removeprefix(PACKAGE) for name in driver if name.startswith(PACKAGE)))
    differing = [name for name, version in driver.items() if here.get(name) != version]
    if differing:
        raise OtherVersionError(
            f"an executor on {platform.node()} has another {', '.join(differing)} than the driver",
            expected=", ".join(f"{name} {driver[name]}" for name in differing),
            found=", ".join(f"{name} {here.get(name)}" for name in differing),
            do="install the same release of medallion-assets with its locked requirements, and of your own packages, "
            "where the executors run, and set MEDALLION_SPARK_PYTHON to that interpreter",
        )


def module_missing(error: ModuleNotFoundError) -> OtherVersionError:
    """The error for work that names a module which the executor has not."""
    return OtherVersionError(
        f"an executor on {platform.node()} lacks a module that the driver has",
        expected=f"the module {error.name}",
        found=str(error),
        do="name the pipeline that it belongs to in MEDALLION_PIPELINES, whose packages are sent along; what these "
        "import besides has to be installed where the executors run (MEDALLION_SPARK_PYTHON)",
    )
