"""The class archive: Spark's classes as Java has them in memory, so that it need not load and check each of them anew.

Belongs here: the options with which Java uses an archive, or writes one.
Does not: starting a Java that writes one (archive_classes), or a session's other options.

With it a session on this machine starts in 5 seconds, not 8. Java ignores one that is missing, or that was made with
another Java or other jars.
"""

from __future__ import annotations

from pathlib import Path

SILENT = "-Xlog:cds*=off"
"""Which classes an archive leaves out, or why it is ignored, is nothing that a user has to know."""


def using(archive: Path) -> str:
    """Options for a Java that maps the archive, where there is one; none otherwise."""
    return f"{_option('SharedArchiveFile', archive)} {SILENT}" if archive.is_file() else ""


def making(archive: Path) -> str:
    """Options for a Java that writes the archive when it ends."""
    return f"{_option('ArchiveClassesAtExit', archive)} {SILENT}"


def _option(name: str, path: Path) -> str:
    quoted = str(path).replace("\\", "\\\\").replace('"', '\\"')  # as Spark takes its options apart
    return f'"-XX:{name}={quoted}"'
