"""Made: whether a stage that reads tables looks for them in the right place.

Belongs here: refusing to make a table of nothing where no table of ours lies, which would look as if all were well.
Does not: what the settings say, or what is in a source.
"""

from __future__ import annotations

from medallion_assets.contracts.place import PlaceState
from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import MissingLakehouseError
from medallion_assets.operations.places import lakehouse_place


def expect_made(lakehouse: Lakehouse, *sources: Table) -> None:
    """See that one of a stage's sources has been made, or at least another table of the lakehouse.

    A source alone may come later: what is made of it is empty until then.

    Raises:
        MissingLakehouseError: there is not even a folder.
        PermanentError: none has; it says what the place of the tables is.
    """
    if any(lakehouse.exists(source) for source in sources):
        return
    place = lakehouse_place(lakehouse)
    if place.state is PlaceState.MISSING:
        said = place.error
        raise MissingLakehouseError(said.what, where=said.where, expected=said.expected, found=said.found, do=said.do)
    if not place.is_fine:
        raise place.error
