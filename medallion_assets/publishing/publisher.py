"""What is published, what a publish returns, and the client it needs.

Belongs here: what both kinds of publish share.
Does not: the kinds themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from medallion_assets.contracts.coverage import UNKNOWN, Coverage
from medallion_assets.errors import PermanentError
from medallion_assets.publishing.budget.budgeted_table import BudgetedTable
from medallion_assets.publishing.failures import ENDPOINT, remedy
from medallion_assets.publishing.unpublishable import KeyRule, LeftOut
from medallion_assets.storage.parallel import WORKERS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

Outcome = Literal["published", "superseded", "unchanged"]
"""`published`: readers now see it. `unchanged`: it was in already. `superseded`: a newer one is in or on its way."""

VERSIONS = 10**9
"""Of a generation: Gold's versions stay below, and what is published is numbered generation * VERSIONS + version."""
GENERATIONS = 1000
"""Numbers have 12 digits in a row key (rule P1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldVersion:
    """The version of a Gold table that is published.

    A version means nothing beside that of another Delta table. `generation` counts the changes of the serving table's
    owner (publishing.owner), so that whatever was published before such a change counts as older, by one number.
    """

    table_id: str
    version: int
    generation: int = 0

    @property
    def number(self) -> int:
        """What orders publishes: Gold's version within its generation.

        Raises:
            PermanentError: a row key cannot hold it.
        """
        if not (0 <= self.version < VERSIONS and 0 <= self.generation < GENERATIONS):
            raise PermanentError(
                "the Gold table's version does not fit a row key",
                expected=f"a version of 0 to {VERSIONS - 1}, and a generation of 0 to {GENERATIONS - 1}",
                found=f"version {self.version} of generation {self.generation}",
                do="publish with the Delta version of the Gold table, to a new table if this one is used up",
            )
        return self.generation * VERSIONS + self.version

    def version_of(self, number: int) -> int | None:
        """Gold's version of a number that was published; None if it belongs to another generation."""
        generation, version = divmod(number, VERSIONS)
        return version if generation == self.generation else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishResult:
    """What one publish did.

    `items_written` counts rows put by this call, not those that an interrupted one had put. `items_deleted` counts, for
    a day, superseded rows that were given their expiry, for a table of items those that vanished. `left_out` are rows
    that DynamoDB cannot take (rule P4), `advice` is what a person had better change about the table. `consumed_wcu` is
    everything charged (rule P3). `coverage` is how far the sources reach of what was published. `version` is Gold's, of
    the table `table_id`; `superseded_by` too, where a publish of that table superseded it.
    """

    outcome: Outcome
    table_id: str
    version: int
    items_written: int
    items_deleted: int
    consumed_wcu: float
    throttled_requests: int
    seconds: float
    superseded_by: int | None = None
    coverage: Coverage = UNKNOWN
    left_out: LeftOut = field(default_factory=LeftOut)
    advice: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Publish:
    """A publish under way: to which table, of which version of Gold, and on behalf of which run.

    `now` dates what is written. `index_rules` are those of the table's indexes (rule P4). `progress` is called with how
    many rows are in.
    """

    table: BudgetedTable
    source: GoldVersion
    run_id: str
    now: datetime
    index_rules: Sequence[KeyRule] = ()
    progress: Callable[[int], object] = lambda _: None

    def done(
        self, outcome: Outcome, *, written: int, deleted: int, left_out: LeftOut, began_at: float, newest: int | None
    ) -> PublishResult:
        """What it did since `began_at` (by the limiter's clock); `newest` is the number of what superseded it."""
        return PublishResult(
            outcome=outcome,
            table_id=self.source.table_id,
            version=self.source.version,
            items_written=written,
            items_deleted=deleted,
            left_out=left_out,
            consumed_wcu=self.table.consumed_wcu,
            throttled_requests=self.table.throttled_requests,
            seconds=self.table.limiter.clock() - began_at,
            superseded_by=None if newest is None else self.source.version_of(newest),
        )


def publishing_client(**options: Any) -> DynamoDBClient:
    """A boto3 DynamoDB client that leaves repeating to the limiter, which else would not see what was throttled.

    `options` go to `boto3.client`; what is None (credentials, region, endpoint) comes from the standard AWS variables.

    Raises:
        PermanentError: no region, or an endpoint that is no URL.
    """
    config = Config(
        retries={"total_max_attempts": 1},
        max_pool_connections=WORKERS + 2,
        connect_timeout=5,
        read_timeout=10,
        tcp_keepalive=True,
    )
    try:
        known = {name: value for name, value in options.items() if value is not None}
        return boto3.client("dynamodb", config=config, **known)
    except BotoCoreError as error:
        raise PermanentError("DynamoDB cannot be reached", found=str(error), do=remedy(error)) from error
    except ValueError as error:
        raise PermanentError(
            "the endpoint of DynamoDB is no URL",
            expected="an address such as http://127.0.0.1:8000",
            found=str(error),
            do=f"correct {ENDPOINT} (or AWS_ENDPOINT_URL), or unset it to use AWS",
        ) from error
