"""What a sample's data files hold, read in plain Python."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from medallion_assets.refining.coverage import open_gaps
from medallion_assets.sources.dynamodb_export.read import Export, find_exports
from medallion_assets.sources.dynamodb_export.verdicts import Verdict
from medallion_assets.sources.dynamodb_export.verify import verify_export
from medallion_assets.storage.stores import open_store


def records(url: Path, export: Export) -> list[dict[str, Any]]:
    """Every record of an export that lies below `<url>/<table>`."""
    paths = [url / export.table_name / file.key for file in export.files]
    return [json.loads(line) for path in paths for line in gzip.decompress(path.read_bytes()).splitlines()]


def complete_exports(url: Path) -> list[Export]:
    """The exports below a place, which are all complete (rule B1), with no window missing between them (rule C1)."""
    store = open_store(str(url))
    verified = [verify_export(store, found) for found in find_exports(store)]
    assert {each.verdict for each in verified} == {Verdict.COMPLETE}
    exports = [each.export for each in verified if each.export is not None]
    assert open_gaps(exports) == {}
    return exports


def all_bytes(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path there."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def value(item: dict[str, dict[str, str]], name: str) -> str:
    """An attribute's value, whatever its type."""
    (content,) = item[name].values()
    return content
