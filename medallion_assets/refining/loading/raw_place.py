"""Raw places: what the place is in which the batches of a table are looked for.

Belongs here: telling a wrong place from one where nothing has arrived yet, and naming the nearest right one.
Does not: whether a batch is whole, or in; the place of the tables.

A look costs a request or two where batches lie, and few more where there are none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from obstore.store import ObjectStore

from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.contracts.place import PlaceState, PlaceStatus, Stray
from medallion_assets.contracts.search import Search
from medallion_assets.contracts.source import WRONG_TABLE, BatchRefusedError, Found, Listing
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import PermanentError, message_of
from medallion_assets.errors.counted import number_of
from medallion_assets.errors.nearest import nearest_name
from medallion_assets.refining.loading.refused_batches import RefusedBatch
from medallion_assets.storage.listing import is_there, list_objects
from medallion_assets.storage.stores import open_store

NAMED = 3
"""So many folders are named as examples, and so many batches looked into."""
_BACK = "mount the disk, or set MEDALLION_RAW_URL to where they are now; if they were removed on purpose, {}"


@dataclass(frozen=True, kw_only=True)
class RawPlace:
    """The place of a table's batches: the folder of its name below `raw_url`, an absolute path or an `s3://` URL.

    `tables` are the names of all loaded tables, each of which has a folder there. `refusals` are what was refused
    before, by (id, prefix).
    """

    raw_url: str
    loaded: Loaded
    storage_options: Mapping[str, str] = field(default_factory=dict, repr=False)
    tables: Collection[str] = ()
    refusals: Mapping[tuple[str, str], RefusedBatch] = field(default_factory=dict)

    @classmethod
    def of(cls, lakehouse: Lakehouse, raw_url: str, loaded: Loaded) -> Self:
        """The place of a table of a lakehouse; what was refused there is not known."""
        tables = [table.short_name for table in lakehouse.catalog.loaded_tables]
        return cls(raw_url=raw_url, loaded=loaded, storage_options=lakehouse.storage_options, tables=tables)

    @property
    def url(self) -> str:
        """The URL of the folder that the table's batches belong in."""
        return f"{self.raw_url}/{self.name}"

    @property
    def name(self) -> str:
        """The contract's name without its layer; the folder is called so too."""
        return self.loaded.table.short_name

    def open(self, held: Callable[[], Collection[str]]) -> ObjectStore | None:
        """The place itself; None where it is a folder that is not there, and nothing is `held` of it.

        Raises:
            PermanentError: there was one, for batches of it are held: a disk that is not mounted must not look like a
                place where nothing has arrived.
        """
        if is_there(self.url) or has_file_in_the_way(self.url):  # of a file the store says what is wrong
            return open_store(self.url, self.storage_options)
        if known := held():
            word, was = self.loaded.source.batch_word, "was" if len(known) == 1 else "were"
            raise PermanentError(
                f"the place of the {self._batches} of {self.name} is gone",
                expected=f"the folder {self.url}, from which {number_of(len(known), word)} {was} loaded",
                found="no such folder",
                do=_BACK.format("make the folder again, empty"),
            )
        return None

    def batches(self, held: Collection[str]) -> tuple[ObjectStore, Listing]:
        """The place, and what lies there that is not `held`.

        Raises:
            PermanentError: nothing lies there, and it is not because all of it is held; it says what the place is.
            TransientError: the store did not answer.
        """
        place = self.open(lambda: held)
        listing = None if place is None else self.loaded.source.find(place, Search(known=held))
        if place is None or listing is None:
            raise self.status(holds=False).error
        if not listing.batches and not (status := self.status(holds=bool(held))).is_fine:
            raise status.error
        return place, listing

    def status(self, *, holds: bool) -> PlaceStatus:
        """What the place is. `holds`: batches of it are in; then it need not be asked whether it is the right one.

        Raises:
            TransientError: the store did not answer.
        """
        try:
            return self._status(holds=holds)
        except PermanentError as error:
            found = str(error.found or error.headline)
            do = error.do or "let this account list it, or set MEDALLION_RAW_URL to the right place"
            return self._is(PlaceState.UNREADABLE, found, do)

    def _status(self, *, holds: bool) -> PlaceStatus:
        is_to_open = is_there(self.url) or has_file_in_the_way(self.url)
        store = open_store(self.url, self.storage_options) if is_to_open else None
        first = None if store is None else next(iter(list_objects(store)), None)
        if holds and (first is not None or (store is not None and not self._is_in_bucket)):
            return self._is(PlaceState.FINE)
        if holds:
            return self._is(
                PlaceState.MISSING,
                f"nothing, though {self._batches} of it are loaded",
                _BACK.format("put an object there" if self._is_in_bucket else "make the folder again, empty"),
            )
        if store is not None and first is not None:
            listing = self.loaded.source.find(store)
            if listing.batches:
                return self._of_another(store, listing.batches)
            if listing.unclaimed or listing.unseen:
                return self._is(PlaceState.FINE)  # what is wrong there is said of each of them
        return self._beside(None if first is None else first.key)

    def _of_another(self, store: ObjectStore, batches: Iterable[Found]) -> PlaceStatus:
        """Whether the batches that lie there are another table's: each that a run refused, the first ones of others."""
        why = ""
        looked_at = 0
        for batch in batches:
            refusal = self.refusals.get((batch.id, batch.prefix))
            if refusal is None and looked_at == NAMED:
                break
            looked_at += refusal is None
            verdict, why = (refusal.verdict, refusal.reason) if refusal else self._verdict(store, batch)
            if verdict != WRONG_TABLE:
                return self._is(PlaceState.FINE)
        found = f"{self._batches} of another table only: {why}"
        do = "move them to the folder of their own table, or correct its name; then run this again"
        return self._is(PlaceState.MISPLACED, found, do)

    def _verdict(self, store: ObjectStore, found: Found) -> tuple[str, str]:
        """What is wrong with a batch before any was loaded, and why; empty where nothing is."""
        try:
            self.loaded.source.read(store, found, owner=self.loaded.owner)
        except BatchRefusedError as refused:
            return refused.verdict, message_of(refused.headline, expected=refused.expected, found=refused.found)
        return "", ""

    def _beside(self, foreign: str | None) -> PlaceStatus:
        """What is said where no batch lies: what lies beside the place tells what is wrong."""
        lies_there = "nothing" if foreign is None else f"only other files, such as {foreign}"
        arrive = (
            f"let its {self._batches} arrive in {self.url}/, or set MEDALLION_RAW_URL to the place that contains the "
            f"tables' folders"
        )
        if not is_there(self.raw_url):
            return self._is(PlaceState.MISSING, f"no folder {self.raw_url}", arrive)
        root = open_store(self.raw_url, self.storage_options)
        strays = sorted(self.loaded.source.strays(root, self.tables), key=self._is_of_others)
        advice = [given for stray in strays if (given := self._advice(stray))]
        if advice:
            found = "; ".join(where for where, _ in advice[:NAMED])
            return self._is(PlaceState.MISPLACED, f"{lies_there}, but {found}", advice[0][1])
        if foreign is not None:
            return self._is(PlaceState.FOREIGN, lies_there, arrive)
        is_missing = not is_there(self.url) or self._is_in_bucket
        return self._is(PlaceState.MISSING if is_missing else PlaceState.EMPTY, lies_there, arrive)

    def _is_of_others(self, stray: Stray) -> bool:
        """Whether neither its folders nor what it says have this table's name."""
        return self.name not in (stray.table, *stray.folder.split("/"))

    def _advice(self, stray: Stray) -> tuple[str, str] | None:
        """Where a stray lies, and what to do; None of one that another table would take."""
        folders = stray.folder.split("/") if stray.folder else []
        own = f"{self.raw_url}/{stray.folder}".rstrip("/")
        said = f"{self._batches}{f' of {stray.table}' if stray.table else ''} in {own}"
        if right := nearest_raw_url(self.raw_url, folders, stray.table, self.tables):
            is_told = right.of == self.name or right.is_above
            return (said, f"set MEDALLION_RAW_URL to {right.url}") if is_told else None
        nearest = stray.table if stray.table in self.tables else self._alike(folders)
        if nearest == self.name:
            return said, f"move them to {self.url}/, and let the next ones arrive there"
        if nearest is not None:
            return None
        return said, (
            f"if they are of {self.name}, move them to {self.url}/ (and name their table's ARN as `source_arn` in its "
            "declaration, where that has another name); a table that no pipeline declares is added to one"
        )

    def _alike(self, folders: list[str]) -> str | None:
        """The table whose name is like that of the folder."""
        return nearest_name(folders[0], self.tables) if folders else None

    @property
    def _is_in_bucket(self) -> bool:
        return self.raw_url.startswith("s3://")

    @property
    def _batches(self) -> str:
        return f"{self.loaded.source.batch_word}s"

    def _is(self, state: PlaceState, found: str = "", do: str = "") -> PlaceStatus:
        expected = "" if state is PlaceState.FINE else f"{self._batches} of {self.name} in {self.url}/"
        return PlaceStatus(
            what=f"the raw place of {self.name}", url=self.url, state=state, expected=expected, found=found, do=do
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RightUrl:
    """The raw URL below which batches lie in the folder of their table, `of`. If `is_above`, it is right for all."""

    url: str
    of: str
    is_above: bool = False


def nearest_raw_url(
    raw_url: str, folders: Sequence[str], table: str | None, tables: Collection[str]
) -> RightUrl | None:
    """Which raw URL would be right for a batch that lies in these folders below another; None where none would.

    It is a level too high where the folder of a table lies deeper, and one too deep where it is that of `table` itself,
    which the batch says it is of.
    """
    deeper = next((at for at, folder in enumerate(folders) if at and folder in tables), None)
    if deeper is not None:
        return RightUrl(url="/".join([raw_url, *folders[:deeper]]), of=folders[deeper])
    above, _, last = raw_url.rpartition("/")
    if not folders and last in tables and table in (None, last):
        return RightUrl(url=above, of=last, is_above=table == last)
    return None


def has_file_in_the_way(url: str) -> bool:
    """Whether a file lies where a folder would, or above it."""
    if url.startswith("s3://"):
        return False
    return next((place.is_file() for place in (Path(url), *Path(url).parents) if place.exists()), False)
