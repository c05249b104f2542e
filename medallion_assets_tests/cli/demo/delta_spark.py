"""Every Delta table below a folder, read by delta-spark into a Parquet file: in a process, and a session, of its own.

python -m medallion_assets_tests.cli.demo.delta_spark LAKEHOUSE FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.peers.session import peer_session


def main(lakehouse: Path, folder: Path) -> None:
    spark = peer_session(folder / "warehouse", memory="512m", is_small=True)
    types = {}
    for log in sorted(lakehouse.glob("*/*/_delta_log")):
        table = log.parent
        name = f"{table.parent.name}.{table.name}"
        frame = spark.read.format("delta").load(str(table))
        types[name] = dict(frame.dtypes)
        pq.write_table(frame.toArrow(), folder / f"{name}.parquet")
    (folder / "types.json").write_text(json.dumps(types))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
