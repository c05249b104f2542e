"""What a storage says of a table that it cannot read or write, as errors of ours.

Belongs here: which of it passes by itself, and what a person does about the rest.
Does not: commits that fail: they look first whether they are in after all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl
from deltalake.exceptions import DeltaError

from medallion_assets.contracts.table import Table
from medallion_assets.errors import DiskFullError, MedallionError, PermanentError, TransientError, UnreadableTableError
from medallion_assets.errors.aws import names_a_refusing_key
from medallion_assets.errors.long_texts import cut
from medallion_assets.errors.native import native_failures
from medallion_assets.storage.credentials import without_credentials

REFUSED = re.compile(
    # not permitted, denied, a file in the way, read-only, a name that is too long, a loop of links
    r"\b(?:os error|Errno) (?:1|13|17|20|21|30|36|40)\b"
    r"|Could not create local directory|lacked the necessary privileges|NoSuchBucket|URL scheme is not allowed"
    r"|(?:ExpiredToken|InvalidToken|PermanentRedirect|AuthorizationHeaderMalformed)</Code>"
    r"|illegal character sequence|contained empty path segment"  # no repetition gives a file another name
)
"""What no repetition helps against, in the words of a local disk or of S3."""
FULL = re.compile(r"\bos error (?:28|122)\b|No space left on device|Disk quota exceeded")
READ_ONLY = re.compile(r"\bos error 30\b|Read-only file system")
NO_CREDENTIALS = re.compile(r"no credentials found in chain")
COLOURS = re.compile(r"\x1b\[\d*m")
FRAMES = re.compile(r"^\s*0: .*", re.MULTILINE | re.DOTALL)
LONGEST = 400
LAKEHOUSE_ERRORS = (MedallionError, pl.exceptions.PolarsError, OSError)
"""What a lakehouse that cannot be read or written raises, for callers that go on without it."""
READING_ERRORS = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)
"""What reading a file raises that is gone or damaged."""


@contextmanager
def storage_errors(table_name: str, uri: str) -> Iterator[None]:
    """Turn what Delta, Polars and the storage raise about the table at `uri` into errors of ours.

    Raises:
        UnreadableTableError: what lies there is no Delta table, or a broken one.
        PermanentError: the storage refuses: no access, a file in the way, a read-only disk.
        OutOfMemoryError, PanicError: delta-rs could not go on.
        TransientError: the storage did not answer, or the disk is full: it need not stay so.
    """
    try:
        with native_failures(table_name):
            yield
    except (DeltaError, OSError) as error:
        found = words(error)
        if (full := disk_full(table_name, uri, error)) is not None:
            raise full from error
        if _is_refusal(error):
            raise _refused(table_name, uri, found) from error
        if isinstance(error, OSError):
            if NO_CREDENTIALS.search(str(error)):
                raise without_credentials(table_name) from error
            do = "run it again; if it persists, check the disk, or the network and the AWS variables"
            raise TransientError("the storage did not answer", where=table_name, found=found, do=do) from error
        raise not_a_table(table_name, uri, found) from error


@contextmanager
def refusals(table: Table, target: str) -> Iterator[None]:
    """Turn what the storage raises because it refuses to write `target`, a file of the table, into an error of ours.

    Other errors pass: rows are made while they are written, so what is raised may be about where they come from.

    Raises:
        PermanentError: the storage refuses.
        DiskFullError: there is no space left.
    """
    try:
        yield
    except OSError as error:
        if (full := disk_full(table.name, target, error)) is not None:
            raise full from error
        if table.path in str(error) and _is_refusal(error):
            raise _refused(table.name, target, words(error)) from error
        raise


def _is_refusal(error: Exception) -> bool:
    said = str(error)
    return isinstance(error, PermissionError) or REFUSED.search(said) is not None or names_a_refusing_key(said)


def not_a_table(table_name: str, uri: str, found: str) -> UnreadableTableError:
    """The error for a place that holds something else than a whole Delta table."""
    return UnreadableTableError(
        f"{table_name} cannot be read",
        expected=f"a Delta table, or nothing yet, at {uri}",
        found=found,
        do="set MEDALLION_LAKEHOUSE_URL to the place of the tables; or, if that is the place, restore the table's "
        "_delta_log from a backup, or move away what is there",
    )


def disk_full(table_name: str, uri: str, error: Exception) -> DiskFullError | None:
    """The error for a disk without space, which somebody may free at any moment; None when that is not it."""
    if FULL.search(str(error)) is None:
        return None
    return DiskFullError(
        "the disk is full",
        where=table_name,
        expected=f"free space (or quota) on the disk of {uri}",
        found=words(error),
        do="free space there, or make the disk larger (df -h shows it); failed work is then repeated",
    )


def commit_failed(table_name: str, uri: str, error: Exception) -> MedallionError:
    """The error for a commit that is certainly not in."""
    if (full := disk_full(table_name, uri, error)) is not None:
        return full
    if _is_refusal(error):
        return _refused(table_name, uri, words(error))
    return TransientError("a commit failed", where=table_name, found=error, do="run the stage again")


def _refused(table_name: str, uri: str, found: str) -> PermanentError:
    if READ_ONLY.search(found):
        return PermanentError(
            "the disk is read-only",
            where=table_name,
            expected=f"a disk that can be written, at {uri}",
            found=found,
            do="see why (dmesg: disks that fail are mounted read-only), and mount it for writing again; with systemd "
            "also look at ReadWritePaths= of the units",
        )
    return PermanentError(
        f"{table_name} cannot be read or written",
        expected=f"a place where this account may read and write, at {uri}",
        found=found,
        do="give it access, or move away what stands in the way; or set MEDALLION_LAKEHOUSE_URL (on S3 also the AWS "
        "variables) to the place of the tables",
    )


def words(error: Exception) -> str:
    """An error of these libraries in one line, without colours and stack frames."""
    lines = (line.strip(" ↳") for line in FRAMES.sub("", COLOURS.sub("", str(error))).splitlines())
    return cut(": ".join(filter(None, lines)) or type(error).__name__, LONGEST)
