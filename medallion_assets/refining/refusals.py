"""Refusals: whether an export that was refused still is as it was then (rule B2).

Belongs here: what is remembered of it, and asking for as little of it as answers that question.
Does not: the table of refusals (refining.refused_exports); making the verdict (sources.dynamodb_export.verify,
refining.source).

Three things can mend a refusal: a file of the export's own folder, which the listing shows; the one file at fault,
where it lies in the folder that incremental exports share, is archived or may not be read; and what is known of the
source, by the contract or by Bronze. While the file at fault is as it was, the export cannot be whole, whatever else
has arrived: one request answers for 5,000 files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from obstore.store import ObjectStore

from medallion_assets.refining.refused_exports import RefusedExport
from medallion_assets.refining.source import LOOKED_AT_AGAIN, Source, TableRecreatedError
from medallion_assets.sources.dynamodb_export.read import Export, FoundExport
from medallion_assets.sources.dynamodb_export.verdicts import ExportRefusedError, Verdict
from medallion_assets.sources.dynamodb_export.verify import verify_file
from medallion_assets.storage.stores import state_of

BY_ACCESS = frozenset({Verdict.ARCHIVED, Verdict.UNREADABLE})
"""Verdicts that no listing takes back: permissions and restored objects do not show there."""
READERS = 16
NOT_ASKED = "?"
"""Stands for the state of a file that changed while it was judged: it is no file's state, so it is judged again."""

Key = tuple[str, str]


def fingerprints_now(
    store: ObjectStore,
    listing: Iterable[FoundExport],
    refusals: Mapping[Key, RefusedExport],
    source: Source,
    *,
    asked_at_most: int | None = None,
) -> dict[Key, str]:
    """The fingerprint of each export as it is now, by (export id, prefix); equal to that of its refusal if that holds.

    One request for each refused export that has a file at fault; of more than `asked_at_most` the newest are asked
    about, and the others count as they were: old ones may stay refused for good, and must not keep those of today out.

    Raises:
        PermanentError, TransientError: the store refuses the place, or did not answer.
    """
    exports = list(listing)
    known = {key: refusals[key] for one in exports if (key := (one.export_id, one.prefix)) in refusals}
    files = {key: refusal.file for key, refusal in sorted(known.items(), reverse=True) if refusal.file is not None}
    asked = list(files.items())[:asked_at_most]
    with ThreadPoolExecutor(READERS) as pool:
        found = list(pool.map(lambda item: state_of(store, item[1]), asked))
    states = dict(zip((key for key, _ in asked), found, strict=True))
    now = {}
    for one in exports:
        key = (one.export_id, one.prefix)
        refusal = known.get(key)
        if refusal is None:
            now[key] = one.fingerprint
        elif key in files and key not in states:
            now[key] = refusal.fingerprint if refusal.fingerprint.startswith(one.fingerprint) else one.fingerprint
        else:
            now[key] = _fingerprint(one, refusal.verdict, states.get(key), source)
    return now


def refusal_of(
    store: ObjectStore,
    found: FoundExport,
    export: Export | None,
    refused: ExportRefusedError | TableRecreatedError,
    source: Source,
    *,
    table_name: str,
    now: datetime,
) -> RefusedExport:
    """What is remembered of an export that was refused just now; `export` is None when its manifests cannot be read."""
    file = _file_at_fault(found, refused)
    state = None if file is None else _state_when_refused(store, export, refused, file)
    return RefusedExport(
        table_name=table_name,
        export_id=found.export_id,
        prefix=found.prefix,
        verdict=str(refused.verdict),
        message=str(refused),
        fingerprint=_fingerprint(found, str(refused.verdict), state, source),
        judged_at=now,
        file=file,
    )


def _fingerprint(found: FoundExport, verdict: str, state: str | None, source: Source) -> str:
    judged_by = ""
    if verdict == Verdict.WRONG_TABLE:
        judged_by = source.contract_text
    elif verdict in LOOKED_AT_AGAIN:  # what they ask of a person depends on the ARN as well
        judged_by = f"{source.contract_text} of {source.arn}"
    if state is None and not judged_by:
        return found.fingerprint
    mark = hashlib.blake2b(f"{state}\n{judged_by}".encode(), digest_size=8).hexdigest()
    return f"{found.fingerprint}-{mark}"


def _file_at_fault(found: FoundExport, refused: ExportRefusedError | TableRecreatedError) -> str | None:
    """The file that has to change, where the listing of the export's own folder does not show it."""
    if isinstance(refused, TableRecreatedError) or refused.file is None:
        return None
    is_listed = refused.file.startswith(f"{found.folder}/")
    return refused.file if refused.verdict in BY_ACCESS or not is_listed else None


def _state_when_refused(
    store: ObjectStore, export: Export | None, refused: ExportRefusedError | TableRecreatedError, file: str
) -> str:
    """The state in which a file was refused: never that of one that was changed meanwhile."""
    if isinstance(refused, ExportRefusedError) and refused.state is not None:
        return refused.state
    data_file = next((one for one in export.files if one.key == file), None) if export else None
    if export is None or data_file is None:
        return NOT_ASKED
    state = state_of(store, file)
    try:
        verify_file(store, export, data_file)
    except ExportRefusedError as again:
        return state if again.verdict is refused.verdict else NOT_ASKED
    return NOT_ASKED
