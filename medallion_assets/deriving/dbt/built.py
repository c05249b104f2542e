"""What a build did, node by node, as plain values, and what follows from it (rule D8).

Belongs here: which nodes passed, and the errors for those that did not.
Does not: building, or keeping the rows that failed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from medallion_assets.deriving.dbt.specs import Specs
from medallion_assets.errors import MedallionError, ModelTestsError, PermanentError
from medallion_assets.errors.long_texts import listed

TESTS = ("test", "unit_test")
PASSED = ("success", "pass", "warn", "no-op")
NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What became of a model, a seed or a test. `failures` counts the rows of a test, `rows_in` is where they are.

    `no_room`: its warehouse lacked memory, a disk or a process, which says nothing of the node.
    """

    name: str
    kind: str
    status: str
    failures: int = 0
    message: str | None = None
    seconds: float = 0.0
    rows_in: str | None = None
    no_room: MedallionError | None = None

    @property
    def passed(self) -> bool:
        """Whether it did what it should; a test with the severity `warn` does so whatever it finds."""
        return self.status in PASSED

    @property
    def is_test(self) -> bool:
        """Whether it is a test of data, or a unit test."""
        return self.kind in TESTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """What `dbt build` did."""

    nodes: tuple[Node, ...]

    @property
    def tests(self) -> Mapping[str, Node]:
        """Every test by name."""
        return {node.name: node for node in self.nodes if node.is_test}

    @property
    def failed(self) -> list[Node]:
        """What did not pass; what was skipped for it is not among these."""
        return [node for node in self.nodes if not node.passed and node.status != "skipped"]

    def expect_complete(self, specs: Specs) -> None:
        """Refuse results that say nothing of a published model, or of a test.

        Raises:
            PermanentError: with what they lack.
        """
        models = {node.name for node in self.nodes if node.kind == "model"}
        missing = [model.name for model in specs.models if model.name not in models]
        missing += [test.name for test in specs.tests if test.name not in self.tests]
        if missing:
            raise PermanentError(
                "dbt has not built all of the project",
                expected="a result of every published model and of every test",
                found=f"none of {listed(missing)}",
                do="look for what leaves them out, such as enabled: false; nothing was published",
            )

    def expect_room(self) -> None:
        """Raise if the warehouse had no room for what did not pass, or lost it; that says nothing of the models.

        Raises:
            OutOfMemoryError, DiskFullError, LostJobError: which of them.
        """
        for node in self.failed:
            if node.no_room is not None:
                raise node.no_room

    def expect_passed(self, *, rows_are_kept: bool = True) -> None:
        """Refuse a build that is not whole; the error says where the rows at fault are, if they are kept.

        Raises:
            ModelTestsError: tests failed.
            PermanentError: a model could not be made, or a test not be asked.
            OutOfMemoryError, DiskFullError, LostJobError: there was no room for it, or it was lost.
        """
        self.expect_room()
        tests = [node for node in self.failed if node.is_test and node.status == "fail"]
        broken = [node for node in self.failed if node not in tests]
        said = [f"{node.name}: {node.message}" for node in broken[:NAMED]]
        if tests:  # also where a model broke: often of the very rows that they name, and these are kept
            look = (
                "look at the rows in quarantine.dbt_failures"
                if rows_are_kept
                else "keep its rows by a build that is no dry run"
            )
            raise ModelTestsError(
                f"tests of models failed: {listed(sorted(node.name for node in tests))}",
                expected="no row at fault",
                found="; ".join([listed([f"{node.failures:,} of {node.name}" for node in tests]), *said]),
                do=f"{look}, fix their source, and run it again; nothing was published",
            )
        if broken:
            raise PermanentError(
                f"dbt could not build {listed([node.name for node in broken])}",
                expected="every model built, and every test run",
                found="; ".join(said),
                do="correct the SQL that it names, or what it reads; nothing was published",
            )
