"""An export where it landed, as a job of a peer is started for it.

Belongs here: the paths of its files, as its manifest lists them.
Does not: whether they are what the manifest says; no peer asks.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from medallion_assets.sources.dynamodb_export.manifest import FILE_LIST_NAME, ROOT


@dataclass(frozen=True)
class Delivery:
    """An export below `root`, the local folder that stands for the bucket."""

    root: Path
    prefix: str
    export_id: str
    is_full: bool

    @property
    def data_files(self) -> list[str]:
        """The data files, in the manifest's order."""
        manifest = self.root / self.prefix / ROOT / self.export_id / FILE_LIST_NAME
        return [str(self.root / json.loads(line)["dataFileS3Key"]) for line in manifest.read_text().splitlines()]
