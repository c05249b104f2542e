"""Exports: which lie below a store, and what their manifests say.

Belongs here: finding export folders in a listing, noticing that one changed, and checking manifests before parsing.
Does not: the manifests' JSON (dynamodb.manifests, dynamodb.manifest_reading); data files (dynamodb.verification).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from obstore.store import ObjectStore

from medallion_assets.dynamodb.manifest_reading import (
    data_file_keys,
    export_of,
    load_file_list,
    load_summary,
    rebase,
    with_files,
)
from medallion_assets.dynamodb.manifests import (
    CHECKSUM_SUFFIXES,
    EXPORT_ID,
    FILE_LIST_NAME,
    JSON_FORMAT,
    ROOT,
    SUMMARY_NAME,
    DataFile,
    Export,
    ExportType,
    md5_base64,
)
from medallion_assets.dynamodb.storage import (
    is_ordered,
    list_folder_names,
    list_folders,
    list_objects,
    read_bytes,
    stat,
)
from medallion_assets.dynamodb.verdicts import ExportRefusedError, Verdict

if TYPE_CHECKING:
    from obstore import ObjectMeta  # exists for type checkers only

__all__ = ["DataFile", "Export", "ExportType", "FoundExport", "find_exports", "read_export"]

_KEY = re.compile(rf"^((?:.*/)?){ROOT}/({EXPORT_ID})/(.+)$")
_ID = re.compile(EXPORT_ID)
_AFTER_EVERY_ID = "1"
"""Ids begin with `0`: what sorts from here on below an `AWSDynamoDB` folder (`data/` above all) is no export folder."""
_READERS = 16
_FOLDERS_LISTED_ALONE = 1_000
"""So many export folders are listed one by one, which spares a walk through all that are settled."""
_HASH_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundExport:
    """An export folder in a listing.

    `listing` is (key, size, tag) of the files in the folder, data files left out. `fingerprint` changes when any file
    of the export comes, goes or changes, the data files that its manifest names included (rule B2).
    """

    export_id: str
    prefix: str
    listing: tuple[tuple[str, int, str], ...]
    fingerprint: str

    @property
    def folder(self) -> str:
        """The key of the export's folder, without a trailing slash."""
        return f"{self.prefix}{ROOT}/{self.export_id}"

    @property
    def has_summary(self) -> bool:
        """Whether DynamoDB (or a copy) has come to the end: the summary is written last."""
        return self.has(SUMMARY_NAME)

    def has(self, name: str) -> bool:
        """Whether the folder held a file of that name when it was listed."""
        return any(key == f"{self.folder}/{name}" for key, _, _ in self.listing)


def find_exports(
    store: ObjectStore,
    *,
    after: str | None = None,
    settled: Collection[str] = frozenset(),
    shares_files: Callable[[FoundExport], bool] = lambda _: True,
) -> list[FoundExport]:
    """Every export folder `[prefix/]AWSDynamoDB/<ExportId>/` below the store, sorted by (export id, prefix).

    Only ids greater than `after`, and none in `settled` (ids that need no second look: loaded, or refused for good).
    Foreign files and folders are passed over. An export delivered under two prefixes is found twice: whoever loads
    takes the first complete copy (rule B5). Memory grows with the exports, not with their data files; on S3 the folder
    that all incremental exports share is not listed. Where `shares_files` is false, data files outside an export's own
    folder are not looked at: its fingerprint is of that folder alone.
    """
    found: dict[tuple[str, str], _Folder] = {}
    for root in _roots(store, ""):
        for meta in _objects_of_exports(store, root, after, settled):
            match = _KEY.match(meta["path"])
            if match is None or match[2] in settled:
                continue
            folder = found.setdefault((match[2], match[1]), _Folder())
            folder.add(meta, is_data=match[3].startswith("data/"))
    exports = [(folder.found(*identity), folder) for identity, folder in sorted(found.items())]
    looked_at = [(export, shares_files(export) and not folder.has_data) for export, folder in exports]
    with ThreadPoolExecutor(_READERS) as pool:
        return list(pool.map(lambda one: _with_shared_files(store, one[0]) if one[1] else one[0], looked_at))


def read_export(store: ObjectStore, found: FoundExport) -> Export:
    """The export's manifests, checked: present, JSON, md5 where there is one, fields, sum (rule B1).

    Raises:
        ExportRefusedError: with the verdict; WAITING when the summary is not there yet.
        TransientError: the store did not answer.
    """
    summary_key, list_key = f"{found.folder}/{SUMMARY_NAME}", f"{found.folder}/{FILE_LIST_NAME}"
    summary = read_bytes(store, summary_key)
    if summary is None:
        raise ExportRefusedError(
            Verdict.WAITING,
            export_id=found.export_id,
            file=summary_key,
            expected=SUMMARY_NAME,
            found="no such file yet",
        )
    fields = load_summary(summary, export_id=found.export_id, prefix=found.prefix)
    # A broken checksum explains a broken field, so it is named first; text that is no JSON at all says more by itself.
    _check_md5(store, found, SUMMARY_NAME, summary)
    export = export_of(fields, export_id=found.export_id, prefix=found.prefix)
    if export.output_format != JSON_FORMAT:
        raise ExportRefusedError(
            Verdict.ION_NOT_SUPPORTED,
            export_id=found.export_id,
            table=export.table_name,
            file=summary_key,
            expected=f"outputFormat {JSON_FORMAT}",
            found=export.output_format,
        )
    file_list = read_bytes(store, list_key)
    if file_list is None:
        raise ExportRefusedError(
            Verdict.FILE_LIST_MISSING,
            export_id=found.export_id,
            table=export.table_name,
            file=list_key,
            found="no such file",
        )
    entries = load_file_list(file_list, export)
    _check_md5(store, found, FILE_LIST_NAME, file_list)
    return with_files(export, entries)


def _check_md5(store: ObjectStore, found: FoundExport, name: str, data: bytes) -> None:
    for suffix in CHECKSUM_SUFFIXES:
        checksum_name = name.removesuffix(".json") + suffix
        # Read, not looked up in the listing: a checksum that landed after it counts as well.
        checksum = read_bytes(store, f"{found.folder}/{checksum_name}")
        if checksum is not None and checksum.strip().decode(errors="replace") != md5_base64(data):
            raise ExportRefusedError(
                Verdict.MANIFEST_MD5_MISMATCH,
                export_id=found.export_id,
                file=f"{found.folder}/{name}",
                expected=f"{checksum.strip().decode(errors='replace')} as {checksum_name} says",
                found=md5_base64(data),
            )


def _roots(store: ObjectStore, folder: str) -> Iterator[str]:
    """Every folder named AWSDynamoDB. Below one only another is looked for: a copy made one level too deep."""
    for child in list_folders(store, folder):
        if child.rsplit("/", 1)[-1] == ROOT:
            yield child
            if list_folders(store, nested := f"{child}/{ROOT}"):
                yield nested
        else:
            yield from _roots(store, child)


def _objects_of_exports(
    store: ObjectStore, root: str, after: str | None, settled: Collection[str]
) -> Iterator[ObjectMeta]:
    """The objects below a root that may belong to an export folder after `after` that is not settled."""
    if after is None or not is_ordered(store):
        names = list_folder_names(store, root)
        folders = [f"{root}/{name}" for name in names if _is_wanted(name, after, settled)]
        if len(folders) <= _FOLDERS_LISTED_ALONE:
            with ThreadPoolExecutor(_READERS) as pool:
                for objects in pool.map(lambda folder: list(list_objects(store, folder)), folders):
                    yield from objects
            return
    # "0" is the character after "/": the first key that is behind everything in the folder of `after`.
    for meta in list_objects(store, root, after=f"{root}/{after}0" if after else None):
        if meta["path"][len(root) + 1 :] >= _AFTER_EVERY_ID:
            if is_ordered(store):
                return
            continue
        yield meta


def _is_wanted(name: str, after: str | None, settled: Collection[str]) -> bool:
    return _ID.fullmatch(name) is not None and (after is None or name > after) and name not in settled


class _Folder:
    """What one pass over a listing learns of an export folder; data files are summed up, their names not kept."""

    def __init__(self) -> None:
        self.listing: list[tuple[str, int, str]] = []
        self.has_data = False
        self.digest = 0

    def add(self, meta: ObjectMeta, *, is_data: bool) -> None:
        entry = _entry(meta)
        # A sum of hashes does not depend on the order of the listing, which local stores do not promise.
        self.digest = (self.digest + _hash(entry)) % (1 << 8 * _HASH_BYTES)
        if is_data:
            self.has_data = True
        else:
            self.listing.append(entry)

    def found(self, export_id: str, prefix: str) -> FoundExport:
        listing = tuple(sorted(self.listing))
        return FoundExport(export_id=export_id, prefix=prefix, listing=listing, fingerprint=f"{self.digest:032x}")


def _with_shared_files(store: ObjectStore, found: FoundExport) -> FoundExport:
    """The fingerprint extended by the data files outside the export's folder, as incremental exports have them."""
    if not found.has(FILE_LIST_NAME):
        return found
    file_list = read_bytes(store, f"{found.folder}/{FILE_LIST_NAME}") or b""
    digest = int(found.fingerprint, 16)
    for original in data_file_keys(file_list):
        key = rebase(original, export_id=found.export_id, prefix=found.prefix)
        meta = stat(store, key) if key else None
        if meta is not None:
            digest = (digest + _hash(_entry(meta))) % (1 << 8 * _HASH_BYTES)
    return replace(found, fingerprint=f"{digest:032x}")


def _entry(meta: ObjectMeta) -> tuple[str, int, str]:
    return (meta["path"], meta["size"], meta["e_tag"] or meta["last_modified"].isoformat())


def _hash(entry: tuple[str, int, str]) -> int:
    return int.from_bytes(hashlib.blake2b(repr(entry).encode(), digest_size=_HASH_BYTES).digest())
