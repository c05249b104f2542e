"""The pictures of the dashboard, from top to bottom.

Belongs here: which there are, their words, looks and scales.
Does not: the figures, or drawing a mark.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from medallion_assets.errors.counted import number_of
from medallion_assets.operations.business.drawn_days import days_picture
from medallion_assets.operations.dashboard.delay import Delay, delays_of
from medallion_assets.operations.dashboard.facts import DashboardFacts
from medallion_assets.operations.dashboard.quality import (
    MOST_REASONS,
    QualityHistory,
    Reason,
    quality_histories,
    reasons_of,
)
from medallion_assets.operations.dashboard.work import Budget, Duration, budgets_of, durations_of
from medallion_assets.operations.drawing.bars import range_axis, range_bar, stacked_bar
from medallion_assets.operations.drawing.charts import Line, Point, time_chart
from medallion_assets.operations.drawing.markup import Content, breakable
from medallion_assets.operations.drawing.picture import Figures, Group, Key, Picture
from medallion_assets.operations.drawing.scales import (
    Scale,
    fitting_powers,
    from_zero,
    short_number,
    short_seconds,
)
from medallion_assets.operations.tables.pipeline_runs import Outcome

OUTCOMES = {
    Outcome.SUCCEEDED: "one",
    Outcome.FAILED: "red",
    Outcome.CANCELED: "grey",
    Outcome.LOST: "purple",
    Outcome.TIMED_OUT: "orange",
}


def groups_of(facts: DashboardFacts) -> list[Group]:
    """The groups of the page, in its order; one without a picture says why."""
    span = (facts.since - timedelta(minutes=30), facts.now + timedelta(minutes=30))
    word = facts.catalog.batch_word()
    return [
        Group(
            name="revenue",
            title="Figures of the last days",
            nothing="No pipeline declares a picture of days.",
            pictures=[days_picture(totals) for totals in facts.totals],
            is_wide=True,
        ),
        Group(
            name="quality",
            title="Quality against the threshold",
            nothing="Nothing has been judged yet.",
            pictures=[_quality(history, *span) for history in quality_histories(facts)],
            is_wide=True,
        ),
        Group(
            name="delay",
            title=f"From {word} to readers",
            nothing=f"No run has recorded yet how old the newest {word} was when it reached readers.",
            pictures=_delays(delays_of(facts), *span),
        ),
        Group(
            name="budget",
            title="Publishing against the write budget",
            nothing="Nothing has been published yet.",
            pictures=[_budget(budget, *span) for budget in budgets_of(facts)],
        ),
        Group(
            name="quarantine",
            title="Why records were bad",
            nothing="No record was bad.",
            pictures=list(_reasons(reasons_of(facts))),
        ),
        Group(
            name="durations",
            title="How long stages take",
            nothing="No stage has run yet.",
            pictures=list(_durations(durations_of(facts))),
        ),
    ]


def _quality(history: QualityHistory, since: datetime, until: datetime) -> Picture:
    lowest = min([history.threshold, *(score.score for score in (*history.runs, *history.held))])
    scale = Scale(low=max(lowest - (1 - lowest) * 0.15, 0), high=1)
    points = [
        Point(at=run.at, value=run.score, look="one", text=f"{_minute(run.at)}: {run.score:.2%} good")
        for run in history.runs
    ]
    for held in history.held:
        most = "" if held.is_exact else " at most"
        text = f"{_minute(held.at)}: {history.word} {held.export_id} held at the gate, {held.score:.2%} good{most}"
        points.append(Point(at=held.at, value=held.score, look="cross red", text=text))
    last = "nothing judged in 7 days" if history.quality is None else f"{history.quality:.2%} good in 7 days"
    return Picture(
        title=breakable(history.table),
        note=f"{last}, threshold {history.threshold:.2%}"
        + (f", {number_of(len(history.held), history.word)} held at the gate" if history.held else ""),
        drawing=time_chart(
            since,
            until,
            scale,
            points=points,
            lines=[
                Line(places=[(since, history.threshold), (until, history.threshold)], look="limit"),
                Line(places=history.means, look="mean"),
            ],
            written=lambda share: f"{share * 100:.4g} %",
        ),
        legend=(
            Key(look="one", shape="point", text="run"),
            *([Key(look="mean", shape="line", text="7 days before it")] if len(history.means) > 1 else []),
            Key(look="limit", shape="line", text="threshold"),
            *([Key(look="cross red", shape="cross", text="held at the gate")] if history.held else []),
        ),
        figures=Figures(
            columns=(f"held {history.word}", "when (UTC)", "good"),
            rows=[(held.export_id or "", _minute(held.at), _score(held.score, held.is_exact)) for held in history.held],
            numbers=frozenset({"good"}),
        )
        if history.held
        else None,
    )


def _delays(delays: Sequence[Delay], since: datetime, until: datetime) -> list[Picture]:
    """One of each table, and one for all that are made of samples."""
    sampled = [delay.table for delay in delays if delay.is_sample]
    said = Picture(title=", ".join(sampled), note="sample data: export age is not recorded")
    drawn = [_delay(delay, since, until) for delay in delays if not delay.is_sample]
    return [*drawn, *([said] if sampled else [])]


def _delay(delay: Delay, since: datetime, until: datetime) -> Picture:
    if delay.is_unknown:
        return Picture(title=breakable(delay.table), note="coverage unknown")
    ages, limit = [age for _, age in delay.ages], delay.limit_seconds
    median = sorted(ages)[len(ages) // 2]
    parts = [f"median {short_seconds(median)}, longest {short_seconds(max(ages))}, last {short_seconds(ages[-1])}"]
    if limit is not None:
        parts.append(f"{sum(age > limit for age in ages):,} of {len(ages):,} over {short_seconds(limit)}")
    return Picture(
        title=breakable(delay.table),
        note="; ".join(parts),
        drawing=time_chart(
            since,
            until,
            fitting_powers(min(ages), max([*ages, limit or 0.0])),
            points=[
                Point(at=at, value=age, look="one", text=f"{_minute(at)}: {short_seconds(age)} after the {delay.word}")
                for at, age in delay.ages
            ],
            lines=[Line(places=[(since, limit), (until, limit)], look="limit")] if limit else [],
            written=short_seconds,
        ),
        legend=(
            Key(look="one", shape="point", text=f"a run: from the newest {delay.word}'s time to readers"),
            *([Key(look="limit", shape="line", text="limit")] if limit else []),
        ),
    )


def _reasons(reasons: Sequence[Reason]) -> Iterator[Picture]:
    """One table of bars for all."""
    if not reasons:
        return
    most = max(reason.quarantined + reason.held for reason in reasons)
    rows: list[tuple[Content, ...]] = [
        (
            breakable(reason.reason),
            breakable(reason.table),
            stacked_bar(
                [
                    ("red", reason.quarantined, f"{reason.quarantined:,} in quarantine"),
                    ("orange", reason.held, f"{reason.held:,} held at the gate"),
                ],
                most,
            ),
            f"{reason.quarantined:,}",
            f"{reason.held:,}",
        )
        for reason in reasons[:MOST_REASONS]
    ]
    more = f"; the {MOST_REASONS} most frequent of {len(reasons):,}" if len(reasons) > MOST_REASONS else ""
    yield Picture(
        title="Records by reason",
        note=f"a record with several reasons counts once for each{more}",
        legend=(
            Key(look="red", shape="box", text="in quarantine"),
            Key(look="orange", shape="box", text="held at the gate"),
        ),
        figures=Figures(
            columns=("reason", "table", "", "quarantined", "held"),
            rows=rows,
            numbers=frozenset({"quarantined", "held"}),
        ),
        is_wide=True,
    )


def _durations(durations: Sequence[Duration]) -> Iterator[Picture]:
    """One table of ranges on a common scale, by powers: a second and an hour both have their place."""
    if not durations:
        return
    lowest = min(min(duration.fastest, duration.last) for duration in durations)
    highest = max(max(duration.slowest, duration.last) for duration in durations)
    scale = fitting_powers(lowest, highest)
    axis = range_axis(scale, [(tick, short_seconds(tick)) for tick in scale.ticks()])
    rows: list[tuple[Content, ...]] = [("", axis, "", "", "")]
    rows += [
        (
            breakable(duration.stage),
            range_bar(
                scale,
                lowest=duration.fastest,
                middle=duration.median,
                highest=duration.slowest,
                last=duration.last,
                look=OUTCOMES[duration.outcome],
            ),
            short_seconds(duration.median),
            short_seconds(duration.slowest),
            f"{duration.failed:,} of {duration.attempts:,}",
        )
        for duration in durations
    ]
    yield Picture(
        title="Attempts by stage",
        note="from the fastest to the slowest that succeeded",
        legend=(
            Key(look="range", shape="line", text="fastest to slowest"),
            Key(look="median", shape="stroke", text="median"),
            Key(look="one", shape="point", text="the last one"),
            Key(look="red", shape="point", text="the last one failed"),
        ),
        figures=Figures(
            columns=("stage", "", "median", "slowest", "failed or canceled"),
            rows=rows,
            numbers=frozenset({"median", "slowest", "failed or canceled"}),
        ),
        is_wide=True,
    )


def _budget(budget: Budget, since: datetime, until: datetime) -> Picture:
    """The budget is drawn from edge to edge: each holds until the next run has another."""
    publishes = budget.publishes
    highest = max(max(publish.rate, publish.budget) for publish in publishes)
    steps = [(publish.at, publish.budget) for publish in publishes]
    last = publishes[-1]
    return Picture(
        title=breakable(budget.table),
        note=f"last {last.rate:,.0f} of {last.budget:,.0f} write units per second; "
        f"{budget.over:,} of {len(publishes):,} over budget by 5 % or more",
        drawing=time_chart(
            since,
            until,
            from_zero(highest),
            points=[
                Point(
                    at=publish.at,
                    value=publish.rate,
                    look="one",
                    text=f"{_minute(publish.at)}: {publish.rate:,.0f} of {publish.budget:,.0f} write units per second",
                )
                for publish in publishes
            ],
            lines=[Line(places=[(since, steps[0][1]), *steps, (until, steps[-1][1])], look="limit", in_steps=True)],
            written=short_number,
        ),
        legend=(
            Key(look="one", shape="point", text="used a second, while publishing"),
            Key(look="limit", shape="line", text="budget"),
        ),
    )


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def _score(score: float, is_exact: bool) -> str:
    return f"{score:.2%}" if is_exact else f"{score:.2%} at most"
