"""The one tree of errors: what is permanent, and what may be tried again.

Belongs here: the types that decide between "ask a person" and "try again".
Does not: the wording of a single error; each place that raises says what it expected, what it found, and what to do.
"""

from __future__ import annotations

from typing import Any, ClassVar

KIND_CHARACTERS = 500


class MedallionError(Exception):
    """Anything this project raises on purpose.

    `what` says what is wrong, and `where` in what place (table, export, file, setting), unless `what` has to name it
    itself; the other parts make the message one that a person can act on without reading code. `export_id` is the
    export that it is about, if it is about one. A type whose errors are all of one kind, whatever they are about, says
    so in `kind`.
    """

    kind: ClassVar[str | None] = None

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        expected: object = None,
        found: object = None,
        do: str | None = None,
        export_id: str | None = None,
    ) -> None:
        self.what = what
        self.where = where
        self.export_id = export_id
        self.expected = expected
        self.found = found
        self.do = do
        super().__init__(message_of(what, where=where, expected=expected, found=found, do=do))

    def __reduce__(self) -> tuple[Any, ...]:
        """As it is: a type may be made of other arguments than its text."""
        return _again, (type(self), self.args, self.__dict__)

    @property
    def parts(self) -> dict[str, str | None]:
        """`what`, `where`, `expected`, `found` and `do` as text; None where nothing is said."""
        parts = {name: getattr(self, name) for name in ("what", "where", "expected", "found", "do")}
        return {name: None if part is None else str(part) for name, part in parts.items()}

    @property
    def headline(self) -> str:
        """What is wrong, and where: how the message begins."""
        return message_of(self.what, where=self.where)


def _again(kind: type[MedallionError], arguments: tuple[Any, ...], parts: dict[str, Any]) -> MedallionError:
    error = kind.__new__(kind)
    error.args = arguments
    error.__dict__.update(parts)
    return error


def message_of(
    what: str,
    *,
    where: str | None = None,
    expected: object = None,
    found: object = None,
    do: str | None = None,
) -> str:
    """The text of an error with these parts; nothing takes it apart again."""
    begin = what if where is None else f"{where}: {what}"
    said = {"expected": expected, "found": found, "what to do": do}
    return "; ".join([begin, *(f"{name}: {part}" for name, part in said.items() if part is not None)])


def kind_of(error: BaseException) -> str:
    """What of an error stays the same when it happens again: its type, and what one of ours says is wrong, and where.

    The words of any other error may differ each time (an address, a size, a moment).
    """
    if isinstance(error, MedallionError) and error.kind:
        return error.kind
    name = type(error).__name__
    return f"{name}: {error.headline}"[:KIND_CHARACTERS] if isinstance(error, MedallionError) else name


class PermanentError(MedallionError):
    """Repeating the same call cannot help: bad input, a wrong setting, a rule that is broken. Never retried."""


class TransientError(MedallionError):
    """The same call may succeed later: network, throttling, a commit that lost a race. Retried with backoff."""


class SettingsError(PermanentError):
    """A setting has a value that is not allowed."""


class UnreadableTableError(PermanentError):
    """Where a table should lie there is something else, a broken table, or not the version that was asked for."""


class OtherContractError(UnreadableTableError):
    """A table is whole, but was made by another contract, or is not one of this project's: nothing in it is damaged."""


class TableFeatureError(PermanentError):
    """A table uses features of Delta that this project cannot read or write: somebody switched them on."""


class MissingTableError(PermanentError):
    """A table that is read does not exist yet."""


class MissingLakehouseError(PermanentError):
    """There is no lakehouse in the place where one is read: nothing is written there, not even this failure."""


class QualityGateError(PermanentError):
    """An export failed its quality gate: nothing of it was published, and a person decides (rule C4)."""


class StaleSourceError(PermanentError):
    """What a source has is older than the declaration allows: nothing was loaded (rule F8)."""


class ModelTestsError(PermanentError):
    """Tests of models failed: nothing of the build was published, and a person looks at the rows (rule D8)."""


class DiskFullError(TransientError):
    """The disk, or a quota on it, is full: somebody may free space at any moment."""


class OutOfMemoryError(PermanentError):
    """Memory ran out: permanent for this process, which keeps what it holds. Another one may have more."""


class PanicError(PermanentError):
    """A native library panicked: permanent for this process, whose libraries may be left in any state."""


class CommitConflictError(TransientError):
    """Another writer changed the table between our read and our commit, on every attempt."""


class LostJobError(TransientError):
    """A process that was to do the work elsewhere ended without a word: killed, out of memory, or it never began."""
