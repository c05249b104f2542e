"""Building: `dbt build` in a warehouse of the run, over exactly the files that snapshots name (rule D8).

Belongs here: calling it, and what it says of each node.
Does not: what follows from that, publishing what it made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from medallion_assets.delta.table import Snapshot
from medallion_assets.deriving.dbt.built import Build, Node
from medallion_assets.deriving.dbt.project import NO_FILES, Call, one_at_a_time
from medallion_assets.deriving.dbt.warehouses.warehouse import Paths, Warehouse


def build(call: Call, sources: Sequence[Snapshot], *, paths: Paths | None = None) -> Build:
    """Make every model of a project and ask every test, from snapshots; tests leave the rows at fault in tables.

    `paths` are the files to read of some sources, by the table's name, instead of all.

    Raises:
        PermanentError: the project, or a file of a source, is not right.
        TransientError: the storage of the sources did not answer.
    """
    with one_at_a_time():
        call.warehouse.make_sources(call.run, sources, paths or {})
        result = call.invoke("build", "--store-failures", NO_FILES, manifest=call.manifest())
    nodes: Any = result.result
    return Build(nodes=tuple(_node(node, call.warehouse) for node in nodes.results))


def _node(result: Any, warehouse: Warehouse) -> Node:
    node = result.node
    no_room = warehouse.no_room_error(f"dbt could not build {node.name}", result.message or "")
    return Node(
        name=node.name,
        kind=str(node.resource_type),
        status=str(result.status),
        failures=result.failures or 0,
        message=result.message,
        seconds=result.execution_time,
        rows_in=warehouse.rows_in(node),
        no_room=no_room,
    )
