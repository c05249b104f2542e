"""What a sample's data files hold, read in plain Python."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from medallion_assets.sources.dynamodb_export.manifest import Export


def records(url: Path, export: Export) -> list[dict[str, Any]]:
    """Every record of an export that lies below `<url>/<table>`."""
    paths = [url / export.table_name / file.key for file in export.files]
    return [json.loads(line) for path in paths for line in gzip.decompress(path.read_bytes()).splitlines()]


def all_bytes(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path there."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def value(item: dict[str, dict[str, str]], name: str) -> str:
    """An attribute's value, whatever its type."""
    (content,) = item[name].values()
    return content
