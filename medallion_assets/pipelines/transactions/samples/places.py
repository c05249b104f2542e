"""Where samples may be written: never among real exports.

Belongs here: the place of a table, and looking at everything that lies at a place before samples are written there.
Does not: which samples are written.
"""

from __future__ import annotations

from collections.abc import Mapping

from obstore.store import ObjectStore

from medallion_assets.contracts.samples import SAMPLE_ACCOUNT, is_sample
from medallion_assets.errors import PermanentError
from medallion_assets.sources.dynamodb_export.find import find_exports, folder_of
from medallion_assets.sources.dynamodb_export.read import read_export
from medallion_assets.sources.dynamodb_export.verdicts import ExportRefusedError
from medallion_assets.storage.listing import is_there
from medallion_assets.storage.stores import NO_OPTIONS, open_store


def exports_of(
    url: str, table_name: str, storage_options: Mapping[str, str] = NO_OPTIONS, *, option: str | None = None
) -> ObjectStore:
    """Where the samples of one table are written: `<url>/<table>`; `option` of a command names the URL, if any."""
    return open_store(f"{url.rstrip('/')}/{table_name}", storage_options, option=option)


def check_only_samples(url: str, storage_options: Mapping[str, str] = NO_OPTIONS) -> None:
    """See that every export below a URL, of whatever table, is a sample; an empty or missing place is fine.

    Raises:
        PermanentError: one is not, or cannot be read, and may be a real one on its way; it is named.
        TransientError: the store did not answer.
    """
    if not is_there(url):
        return  # and it stays missing: a local store would make it
    store = open_store(url, storage_options)
    for found in find_exports(store):
        try:
            table_arn = read_export(store, found).table_arn
        except ExportRefusedError as refused:
            raise PermanentError(
                f"samples are not mixed with exports that may be real: one in {url} cannot be read",
                expected=f"samples (exports of the account {SAMPLE_ACCOUNT}), or none",
                found=f"{folder_of(found)}: {refused}",
                do="write the samples to another place; if it is what is left of a sample, remove that folder first",
            ) from None
        if not is_sample(table_arn):
            raise PermanentError(
                f"samples are not mixed with real exports of {table_arn.rpartition('/')[2]}, which are in {url}",
                expected=f"samples (exports of the account {SAMPLE_ACCOUNT}), or none",
                found=f"{folder_of(found)} of {table_arn}",
                do="write the samples to another place (MEDALLION_HOME, MEDALLION_RAW_URL or --out names it)",
            )
