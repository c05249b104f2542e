"""Packages: the code of this project and of a user's pipelines, as it is compared, and sent along.

Belongs here: reading them wherever Python found them, in a folder or a zip; zipping them.
Does not: what is done where they differ.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.resources import files
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from medallion_assets.settings.spark import PROJECT

NONE = "none"
PYTHON = ".py"
AHEAD_SECONDS = 60.0
"""So far the clock of a server of files may be ahead of this host's."""


def digest(name: str) -> str:
    """Names the Python files of a top-level package or module, another one when any of them changes."""
    if find_spec(name) is None:
        return NONE
    source = hashlib.sha256()
    for path, content in sorted(_files(name, PYTHON)):
        if content:  # an empty one says nothing, and a zip may have one more
            source.update(f"{path}\n".encode() + content)
    return source.hexdigest()[:12]


def changed_at(name: str) -> float:
    """When a file that `digest` reads was last written, or put in its place (UNIX seconds); 0 of what is in a zip.

    Nobody can set that, unlike the time of its content.

    Raises:
        OSError: a file went away meanwhile.
    """
    return max(_changes(name), default=0.0)


def is_changed_since(name: str, began: float, now: float) -> bool:
    """Whether a file that `digest` reads was written since `began` (UNIX seconds).

    Raises:
        OSError: a file went away meanwhile.
    """
    return any(is_written_since(began, changed, now) for changed in _changes(name))


def is_written_since(began: float, changed: float, now: float) -> bool:
    """Whether a file that changed then was written since `began` (UNIX seconds).

    What is dated later than now was there before the clock was set back.
    """
    return began <= changed <= now + AHEAD_SECONDS


def python_in(folder: Path) -> frozenset[str] | None:
    """The names of the Python files and folders in a folder in which `digest` looks; None where there is no folder."""
    try:
        with os.scandir(folder) as scanned:
            entries = list(scanned)
    except OSError:
        return None
    read = (entry for entry in entries if entry.name.endswith(PYTHON) or entry.is_dir())
    return frozenset(entry.name for entry in read if not _is_left_out(entry.name))


def zipped(names: Iterable[str], folder: Path) -> str:
    """A zip of packages that executors import; what these need has to be installed there.

    Python imports nothing from a zip that was compiled: a package which has that has to be installed as well. Equal
    packages are equal bytes, without the time: Spark takes no other content under a name that it has.
    """
    file = folder / f"{PROJECT}.zip"
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        for name in names:
            found = dict(_files(name))
            if not any(path.endswith(tuple(EXTENSION_SUFFIXES)) for path in found):
                folders = {parent for path in found for parent in PurePosixPath(path).parents if parent.name}
                for parent in sorted(folders):  # without an entry, one without __init__.py is not found
                    archive.writestr(ZipInfo(f"{parent}/"), b"")
                for path, content in sorted(found.items()):
                    archive.writestr(ZipInfo(path), content, ZIP_DEFLATED)
    return str(file)


def _changes(name: str) -> Iterator[float]:
    spec = find_spec(name)
    places = (spec.submodule_search_locations or [spec.origin or ""]) if spec else []
    return (file.stat().st_ctime for place in places for file in _on_disk(place))


def _on_disk(place: str) -> Iterator[os.DirEntry[str] | Path]:
    if place.endswith(PYTHON) and Path(place).is_file():
        yield Path(place)
    if Path(place).is_dir():
        with os.scandir(place) as scanned:
            entries = list(scanned)  # whoever stops in the middle leaves no folder open
        for entry in entries:
            if entry.is_dir():
                yield from () if _is_left_out(entry.name) else _on_disk(entry.path)
            elif entry.name.endswith(PYTHON) and not _is_left_out(entry.name):
                yield entry


def _is_left_out(name: str) -> bool:
    return name.startswith(".") or name == "__pycache__"


def _files(name: str, ending: str = "") -> Iterator[tuple[str, bytes]]:
    spec = find_spec(name)
    if spec is None:
        return
    if spec.submodule_search_locations is None:
        read = getattr(spec.loader, "get_source", lambda _: "")
        yield f"{name}.py", (read(name) or "").encode()
        return
    is_namespace = spec.loader is None or spec.origin is None
    if is_namespace:  # it becomes a package: only so Python finds its files in a zip
        yield f"{name}/__init__.py", b""
    yield from _within(files(name), name, ending)


def _within(folder: Traversable, name: str, ending: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if _is_left_out(entry.name):
            continue
        path = f"{name}/{entry.name}"
        if entry.is_dir():
            yield from _within(entry, path, ending)
        elif path.endswith(ending):
            yield path, entry.read_bytes()
