"""The class archive: Spark's classes as Java has them in memory, so that it need not load and check each of them anew.

Belongs here: what Java is told of it. `archive_classes` makes one.
Does not: the rest of what a session is started with.

With it a session of this machine starts in 5 seconds and not in 8. Java passes over one that is missing, or that was
made with another Java or other jars, as if it had not been told.
"""

from __future__ import annotations

from pathlib import Path

SILENT = "-Xlog:cds*=off"
"""Which classes an archive has no place for, or why it is passed over, is nothing that a user has to know."""


def using(archive: Path) -> str:
    """Options for a Java that maps the archive, where there is one; none otherwise."""
    return f"{_option('SharedArchiveFile', archive)} {SILENT}" if archive.is_file() else ""


def making(archive: Path) -> str:
    """Options for a Java that writes the archive when it ends."""
    return f"{_option('ArchiveClassesAtExit', archive)} {SILENT}"


def _option(name: str, path: Path) -> str:
    quoted = str(path).replace("\\", "\\\\").replace('"', '\\"')  # as Spark takes its options apart
    return f'"-XX:{name}={quoted}"'
