"""The demo's home: a folder of its own, in which a new demo removes what an earlier one made, and nothing else.

Belongs here: where it is, which files in it the demo made, and removing them.
Does not: the story, or Dagster's runs, which stay.

A file is the demo's when it was recorded at the end of the demo, and its size and time are as they were then.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from medallion_assets.contracts.catalog import load_catalog
from medallion_assets.contracts.documents import from_json_or_none, to_json
from medallion_assets.errors import PermanentError
from medallion_assets.errors.long_texts import listed
from medallion_assets.settings import Settings
from medallion_assets.settings.hints import with_variables

NAME = "demo"
RECORD = "demo.json"
MADE_BY: Final = "medallion demo"
RAW, LAKEHOUSE = "raw-dynamodb-exports", "lakehouse"
PIPELINES = (
    "medallion_assets.pipelines.transactions.pipeline:TRANSACTIONS",
    "medallion_assets.pipelines.star_schema.pipeline:STAR_SCHEMA",
    "medallion_assets.pipelines.ecommerce.pipeline:ECOMMERCE",
)
"""What the demo runs, as MEDALLION_PIPELINES names it; for each table that comes in it writes samples."""
Stamp = list[int]
"""Size in bytes, and time of the last change in nanoseconds."""
LINK: Stamp = [-1, -1]
"""The stamp of every link: none is the demo's."""


@dataclass(frozen=True, kw_only=True)
class DemoContents:
    """What lies in a demo's home; `not_made` are files in its data folders that no demo made, by their path there."""

    home: Path
    folders: Mapping[str, int]
    files: int
    size_bytes: int
    not_made: list[str]


@dataclass(frozen=True, kw_only=True)
class _Record:
    made_by: Literal["medallion demo"] = MADE_BY
    files: dict[str, Stamp]


def demo_home(home: Path) -> Path:
    """Where the demo of a home lies: in a folder below it, or there itself, if it is a demo's."""
    return home if is_demo_home(home) else home / NAME


def is_demo_home(home: Path) -> bool:
    """Whether a demo was run there; those of earlier releases, which had no folder of their own, do not count."""
    return _recorded(home) is not None


def demo_settings(settings: Settings) -> Settings:
    """The settings with every place in the demo's home.

    Raises:
        PermanentError: the settings name other places, where the commands to type next would look.
    """
    places = {"raw_url": str(settings.home / RAW), "lakehouse_url": str(settings.home / LAKEHOUSE)}
    found = {"raw_url": settings.raw_url, "lakehouse_url": settings.lakehouse_url}
    if found != places:
        raise PermanentError(
            "the demo keeps everything in its own folder below MEDALLION_HOME",
            expected=places,
            found=found,
            do="unset MEDALLION_RAW_URL and MEDALLION_LAKEHOUSE_URL for the demo",
        )
    home = demo_home(settings.home)
    of_demo = replace(
        settings,
        home=home,
        raw_url=str(home / RAW),
        lakehouse_url=str(home / LAKEHOUSE),
        pipelines=PIPELINES,
    )
    shown = {"MEDALLION_HOME": str(of_demo.home), "DAGSTER_HOME": str(of_demo.dagster_home)}
    prefix = with_variables({**shown, "MEDALLION_PIPELINES": " ".join(PIPELINES)})
    return replace(of_demo, command_prefix=settings.command_prefix or prefix)


@contextmanager
def recording(home: Path) -> Iterator[None]:
    """Remove what an earlier demo made in its home; what the block makes there is recorded, also when it fails.

    Raises:
        PermanentError: there is something else; it is named, and nothing was removed.
    """
    recorded, record = _recorded(home), home / RECORD
    if recorded is None and (record.exists() or record.is_symlink()):
        raise PermanentError(
            f"{record} is not the record of a demo",
            do=f"move it away, or set MEDALLION_HOME to a folder without a {NAME}",
        )
    found = dict(_files(home))
    if foreign := _not_made(found, recorded or {}):
        raise PermanentError(
            f"{home} contains data that no demo made, or that was changed since; nothing was removed",
            expected="only what an earlier demo made and recorded, or an empty folder",
            found=f"{len(foreign)} other files: {listed(foreign)}",
            do="move what you need elsewhere; then `medallion remove-demo` lists what is there, asks, and removes it",
        )
    for path in found:
        _remove(home, path)
    samples = {table.short_name for table in load_catalog(PIPELINES).loaded_tables}
    _write(record, {})
    try:
        yield
    finally:
        _write(record, {path: stamp for path, stamp in _files(home) if stamp != LINK and _is_ours(path, samples)})


def contents(home: Path) -> DemoContents:
    """What lies in a demo's home.

    Raises:
        PermanentError: no demo was run there.
    """
    recorded = _recorded(home)
    if recorded is None:
        raise PermanentError(f"there is no demo in {home}", expected=f"a {RECORD} that `medallion demo` wrote there")
    folders = dict.fromkeys(sorted(entry.name for entry in home.iterdir()), 0)
    files = size = 0
    for path, stamp in _walk(home, home):
        folders[path.partition("/")[0]] += 1
        files, size = files + 1, size + max(0, stamp[0])
    return DemoContents(
        home=home, folders=folders, files=files, size_bytes=size, not_made=_not_made(dict(_files(home)), recorded)
    )


def remove(home: Path) -> None:
    """Remove a demo's home, with everything that lies there; what a link points to stays."""
    for entry in home.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    if not home.is_symlink():
        home.rmdir()


def _recorded(home: Path) -> dict[str, Stamp] | None:
    """The files that the last demo made; None when none was run there."""
    try:
        record = from_json_or_none(_Record, (home / RECORD).read_bytes())
    except OSError:
        return None
    return None if record is None else record.files


def _write(record: Path, files: Mapping[str, Stamp]) -> None:
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(to_json(_Record(files=dict(files))))


def _not_made(found: Mapping[str, Stamp], recorded: Mapping[str, Stamp]) -> list[str]:
    return sorted(path for path, stamp in found.items() if stamp == LINK or recorded.get(path) != stamp)


def _files(home: Path) -> Iterator[tuple[str, Stamp]]:
    """Every file in the data folders, by its path in the home; links count as files, and none is followed."""
    for folder in (RAW, LAKEHOUSE):
        yield from _walk(home, home / folder)


def _walk(home: Path, folder: Path) -> Iterator[tuple[str, Stamp]]:
    if folder.is_symlink():
        yield str(folder.relative_to(home)), LINK
        return
    for place, folders, files in os.walk(folder):
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        for name in (*files, *links):
            path = Path(place) / name
            found = path.lstat()
            stamp = LINK if path.is_symlink() else [found.st_size, found.st_mtime_ns]
            yield str(path.relative_to(home)), stamp


def _is_ours(path: str, samples: Collection[str]) -> bool:
    """Whether the demo writes there: samples of its own, and any table of the lakehouse."""
    folder, name = path.split("/")[:2]
    return folder == LAKEHOUSE or name in samples


def _remove(home: Path, path: str) -> None:
    """Remove a file, and the folders above it that are empty then."""
    file = home / path
    file.unlink(missing_ok=True)
    with suppress(OSError):  # something else lies there
        for folder in file.relative_to(home).parents:
            if folder != Path():
                (home / folder).rmdir()
