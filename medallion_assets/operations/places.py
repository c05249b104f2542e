"""The places of a deployment: where batches and files are looked for, and where the tables lie.

Belongs here: what the place of the tables is, and all of them together, for whoever only looks.
Does not: what the place of one table's batches is, or how well the tables in it are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from obstore.store import ObjectStore

from medallion_assets.contracts.catalog import load_catalog
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.contracts.place import FOLDERS_LOOKED_INTO, PlaceState, PlaceStatus
from medallion_assets.delta.lakehouse import lakehouse_of
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import PermanentError
from medallion_assets.errors.long_texts import listed
from medallion_assets.operations.stages import delta_tables
from medallion_assets.operations.tables.refused import find_readable
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.loading.raw_place import RawPlace
from medallion_assets.refining.loading.refused_batches import read_refusals
from medallion_assets.settings import Settings
from medallion_assets.storage.listing import is_there, list_folders, list_objects
from medallion_assets.storage.stores import open_store

OPERATIONS = "operations"


def looked_for_in(settings: Settings) -> list[PlaceStatus]:
    """What the places are that the settings name; raises as `look_at_places` does, and for a pipeline that is none."""
    return look_at_places(lakehouse_of(settings, load_catalog(settings.pipelines)), settings.raw_url)


def look_at_places(lakehouse: Lakehouse, raw_url: str) -> list[PlaceStatus]:
    """What each place is: that of the tables, then those of the loaded tables' batches. Nothing is made.

    Raises:
        TransientError: a store did not answer.
    """
    return [
        lakehouse_place(lakehouse),
        *(raw_place(lakehouse, raw_url, loaded) for loaded in lakehouse.catalog.loaded),
    ]


def raw_place(lakehouse: Lakehouse, raw_url: str, loaded: Loaded) -> PlaceStatus:
    """What the place of a table's batches is, with what its Bronze table knows of them."""
    name = loaded.table.short_name
    place = RawPlace.of(lakehouse, raw_url, loaded)
    try:
        bronze = find_readable(lakehouse, bronze_table(name))
        holds = bronze is not None and bronze.files.height > 0
        refusals = {} if holds else read_refusals(lakehouse, name)
    except PermanentError:  # whoever looks at the table says what is wrong with it
        holds, refusals = False, {}
    return replace(place, refusals=refusals).status(holds=holds)


def lakehouse_place(lakehouse: Lakehouse) -> PlaceStatus:
    """What the place of the tables is: fine where one of those that the pipelines declare lies there.

    Raises:
        TransientError: the store did not answer.
    """
    look = _Look(lakehouse)
    try:
        return look.status()
    except PermanentError as error:
        do = error.do or "let this account list it, or set MEDALLION_LAKEHOUSE_URL to the right place"
        return look.of(PlaceState.UNREADABLE, str(error.found or error.headline), do)


def expect_tables(lakehouse: Lakehouse) -> None:
    """See that tables of ours lie there, before it is said that there is nothing in one.

    Raises:
        PermanentError: none does; it says what the place is.
        TransientError: the store did not answer.
    """
    if not (place := lakehouse_place(lakehouse)).is_fine:
        raise place.error


class _Look:
    """One look at the place of the tables."""

    def __init__(self, lakehouse: Lakehouse) -> None:
        self._lakehouse = lakehouse
        self._url = lakehouse.url
        tables = list(delta_tables(lakehouse.catalog))
        self._known = {table.path for table in tables}
        self._layers = sorted({table.layer for table in tables})

    def status(self) -> PlaceStatus:
        if not is_there(self._url):
            if Path(self._url).exists():
                return self.of(PlaceState.FOREIGN, "a file", self._elsewhere)
            return self.of(PlaceState.MISSING, "no such folder", self._first)
        store = open_store(self._url, self._lakehouse.storage_options)
        if self._holds_ours(store):
            return self.of(PlaceState.FINE)
        if nearest := self._nearest(store):
            return self.of(PlaceState.MISPLACED, f"none, but in {nearest}", f"set MEDALLION_LAKEHOUSE_URL to {nearest}")
        others = sorted(set(self._tables_in(store, "")) - self._known)
        if others:
            do = f"set MEDALLION_PIPELINES to the pipelines of these tables, or {self._elsewhere}"
            return self.of(PlaceState.FOREIGN, f"tables of other pipelines: {listed(others)}", do)
        first = next((found.key for found in list_objects(store, passed_over=_kept) if not _kept(found.key)), None)
        if first is not None:
            return self.of(PlaceState.FOREIGN, f"other files, such as {first}", self._elsewhere)
        return self.of(PlaceState.EMPTY, "no data tables", self._first)

    def of(self, state: PlaceState, found: str = "", do: str = "") -> PlaceStatus:
        expected = "" if state is PlaceState.FINE else f"tables that the pipelines declare in {self._url}/"
        return PlaceStatus(what="the lakehouse", url=self._url, state=state, expected=expected, found=found, do=do)

    @property
    def _elsewhere(self) -> str:
        return "set MEDALLION_LAKEHOUSE_URL to the place of the tables"

    @property
    def _first(self) -> str:
        loaded = next(iter(self._lakehouse.catalog.loaded_tables), None)
        first = "a table" if loaded is None else bronze_table(loaded.short_name).path
        return f"run {first} first, which makes it; or {self._elsewhere}"

    def _holds_ours(self, store: ObjectStore, below: str = "") -> bool:
        return any(path in self._known for path in self._tables_in(store, below))

    def _tables_in(self, store: ObjectStore, below: str) -> Iterable[str]:
        """`<layer>/<name>` of each folder that may be a table."""
        for layer in self._layers:
            for folder in list_folders(store, f"{below}{layer}"):
                yield folder.removeprefix(below)

    def _nearest(self, store: ObjectStore) -> str | None:
        """The place above or below, where tables of ours lie."""
        above, _, last = self._url.rpartition("/")
        own = set(list_folders(store, ""))
        if last in self._layers and any(f"{last}/{folder}" in self._known for folder in own):
            return above
        for folder in sorted(own - {OPERATIONS, *self._layers})[:FOLDERS_LOOKED_INTO]:
            if self._holds_ours(store, f"{folder}/"):
                return f"{self._url}/{folder}"
        return None


def _kept(key: str) -> str | None:
    """The folder that is ours, although no table of data is in it."""
    return OPERATIONS if key.startswith(f"{OPERATIONS}/") else None
