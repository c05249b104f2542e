"""Pages: how answers look in a terminal.

Belongs here: layout and colour.
Does not: figures and verdicts; each answer brings its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table as Grid
from rich.text import Text

from medallion_assets.cli.pages.section import grid
from medallion_assets.cli.terminal import as_typed
from medallion_assets.contracts.columns import BATCH_ID, LINE_NUMBER, RAW, REDRIVEN_AT, SOURCE_FILE
from medallion_assets.contracts.moments import LAST_MICROS, moment
from medallion_assets.contracts.place import PlaceStatus
from medallion_assets.delta.shown_rows import moment_text
from medallion_assets.errors.counted import number_of
from medallion_assets.errors.long_texts import cut
from medallion_assets.operations.explain.explanation import Explanation
from medallion_assets.operations.explain.key_verdicts import Fate, KeyRecord
from medallion_assets.operations.exports.quarantine_listing import QuarantineListing
from medallion_assets.operations.exports.report import ExportReport
from medallion_assets.operations.sections import format_counts, format_minute
from medallion_assets.operations.verify.findings import Verification
from medallion_assets.publishing.adoption import HandedOver
from medallion_assets.refining.redrive import Redriven
from medallion_assets.sources.dynamodb_export.manifest import Export
from medallion_assets.sources.dynamodb_export.verdicts import ExportStatus

STATUS_STYLES = {
    ExportStatus.COMPLETE: "green",
    ExportStatus.WAITING: "yellow",
    ExportStatus.INCOMPLETE: "red",
    ExportStatus.TAMPERED: "bold red",
    ExportStatus.REFUSED: "magenta",
}
VERDICT_STYLES = {
    Fate.DECIDED: "bold green",
    Fate.SUPERSEDED: "dim",
    Fate.DUPLICATE: "dim",
    Fate.QUARANTINED: "yellow",
    Fate.WAITING: "cyan",
    Fate.NOT_SETTLED: "cyan",
    Fate.REJECTED: "magenta",
    Fate.UNACCOUNTED: "bold red",
}
RAW_CHARACTERS = 60


def explanation_page(explanation: Explanation) -> RenderableType:
    """The records, the winning one first, and what Silver holds."""
    key = ", ".join(f"{name} = {value!r}" for name, value in explanation.key.items())
    records = grid(("written", "kind", "verdict", "batch", "file", "line", "detail"), figures={"line"})
    for record in explanation.records:
        records.add_row(
            _written(record),
            record.kind.value,
            Text(record.verdict.value, style=VERDICT_STYLES[record.verdict]),
            record.export_id,
            _file(record.source_file),
            "" if record.line_number is None else str(record.line_number),
            _detail(record),
        )
    parts: list[RenderableType] = [Text(f"{explanation.table}: {key}", style="bold")]
    parts.append(records if explanation.records else Text("Bronze has no record of this key.", style="bold red"))
    if explanation.alike:
        parts.append(Text(f"Keys in Silver look like {', '.join(explanation.alike)}."))
    if not explanation.silver:
        parts.append(Text("Silver has no row for it."))
    for number, row in enumerate(explanation.silver, start=1):
        held = Grid(title=f"Silver, row {number} of {len(explanation.silver)}", title_justify="left", show_header=False)
        for name, value in row.items():
            held.add_row(name, "" if value is None else str(value))
        parts.append(held)
    parts += [Text(f"not known: {what}", style="yellow") for what in explanation.unknown]
    parts += [Text(f"Silver disagrees: {what}", style="bold red") for what in explanation.disagreements]
    if explanation.disagreements:
        do = "what to do: run `medallion verify --deep`; it finds other differences and says what to do"
        parts.append(Text(as_typed(do)))
    return Group(*parts)


def exports_page(report: ExportReport) -> RenderableType:
    """Every export with its verdict, and below them what to do about those that are not well."""
    if not report.place.is_fine:
        return place_panel(report.place)
    columns = ("export", "table", "type", "from", "to", "verdict", "items", "files", "gap before it")
    page = grid(columns, figures={"items", "files"})
    notes: list[RenderableType] = []
    for export in report.exports:
        gap = export.gap_before
        missing = (
            "" if gap is None else f"from {format_minute(gap.from_at) or 'the beginning'} to {format_minute(gap.to_at)}"
        )
        page.add_row(
            f"{export.prefix}{export.export_id}",
            export.table or "?",
            (export.export_type or "?").removesuffix("_EXPORT").lower(),
            format_minute(export.from_at),
            format_minute(export.to_at),
            Text(export.verdict.value, style=STATUS_STYLES[export.standing]),
            f"{export.items:,}",
            f"{export.files:,}",
            Text(missing, style="red"),
        )
        if export.problem:
            line = f"{export.export_id} {export.verdict.value}: {export.problem}; what to do: {export.do}"
            notes.append(Text(as_typed(line)))
        if export.unprotected_minute:
            notes.append(Text(f"warning: {export.unprotected_minute}", style="yellow"))
    alike = dict[tuple[str, str], list[str]]()
    for lost in report.unclaimed:
        alike.setdefault((lost.problem, lost.do), []).append(lost.key)
    trouble = [
        f"{keys[0]}{f' and {len(keys) - 1} more' * (len(keys) > 1)}: {problem}; what to do: {do}"
        for (problem, do), keys in alike.items()
    ]
    trouble += [f"{folder} was not examined: {why}" for folder, why in report.not_looked_into.items()]
    notes += [Text(as_typed(line), style="red") for line in trouble]
    well = sum(export.is_well for export in report.exports)
    items, outside = sum(export.items for export in report.exports), len(report.unclaimed)
    foreign = report.foreign_objects
    exports = f"{number_of(len(report.exports), 'export')} {'is' if len(report.exports) == 1 else 'are'}"
    last = Text(
        f"{well} of {exports} complete and joined; {number_of(items, 'item')} verified; "
        + (f"{outside} {'is' if outside == 1 else 'are'} in no table's folder; " if outside else "")
        + f"{number_of(foreign, 'object')} {'belongs' if foreign == 1 else 'belong'} to no export"
    )
    last.stylize("green" if report.is_well else "red")
    return Group(page, *notes, last)


def place_panel(place: PlaceStatus) -> RenderableType:
    """What a wrong place is, and what to do."""
    lines = [f"expected: {place.expected}", f"found: {place.found}", f"what to do: {place.do}"]
    title = Text(f"{place.what} is {place.state}")
    return Panel(Text(as_typed("\n".join(lines))), title=title, title_align="left", border_style="red")


def quarantine_page(listing: QuarantineListing) -> RenderableType:
    """Figures, then the first rows."""
    head = Text(_held(listing) if listing.held else _quarantined(listing), style="bold")
    reasons = Text(format_counts(listing.waiting_by_reason))
    if not listing.rows:
        return head
    rows = grid(("batch", "file", "line", "reasons", "redriven", "raw"), figures={"line"})
    for row in listing.rows:
        place = (row[BATCH_ID], _file(row[SOURCE_FILE]), str(row[LINE_NUMBER]))
        rows.add_row(
            *place, ", ".join(_reasons(row)), format_minute(row[REDRIVEN_AT]), Text(cut(row[RAW], RAW_CHARACTERS))
        )
    of_all = f"{len(listing.rows):,} of {number_of(listing.total, 'row')}"
    shown = f"{of_all} shown; --limit shows more, --json shows them in full"
    return Group(head, reasons, rows, Text(shown, style="dim"))


def _quarantined(listing: QuarantineListing) -> str:
    waiting = listing.total - listing.redriven
    waits = f"{number_of(waiting, 'row')} {'waits' if waiting == 1 else 'wait'}"
    return f"{listing.table}: {waits}, {listing.redriven:,} {'was' if listing.redriven == 1 else 'were'} redriven"


def _held(listing: QuarantineListing) -> str:
    rows = f"{listing.total:,} of its rows {'is' if listing.total == 1 else 'are'} bad"
    if listing.stops:
        rows += f" or {'breaks' if listing.total == 1 else 'break'} {', '.join(listing.stops)} (expect_or_fail)"
    return f"batch {listing.held} waits: {rows}, and none is in any table"


def _reasons(row: Mapping[str, Any]) -> Iterator[str]:
    """Each reason with the column that it is about; of the whole record it stands alone."""
    for reason, column in zip(row["reasons"], row["reason_columns"], strict=True):
        yield reason if column is None else f"{column}: {reason}"


def redriven_page(table: str, done: Redriven) -> RenderableType:
    """What a redrive did, and what follows from it."""
    changed = f"{number_of(done.rows_changed, 'key')} changed"
    good = f"{done.redriven:,} {'is' if done.redriven == 1 else 'are'} good now"
    lines = [Text(f"{table}: {number_of(done.looked_at, 'row')} judged again, {good}", style="bold")]
    if done.still_bad:
        lines.append(Text(f"still bad: {format_counts(done.still_bad)}"))
    if done.conflicting:
        lines.append(Text(f"{_stay(done.conflicting)}: two records of one key differ in one batch (rule R3)"))
    if done.not_settled:
        lines.append(Text(f"{_stay(done.not_settled)}, of batches that are not settled; run the Silver asset first"))
    if done.restated:
        days = ", ".join(str(day) for day in sorted(done.restated))
        lines.append(Text(f"{changed} in version {done.version}; days restated: {days}"))
        lines.append(
            Text("what to do: nothing if the sensors are on; otherwise run what is made from it for these days")
        )
    elif done.redriven:
        lines.append(Text(f"{changed}; no day is restated"))
    return Group(*lines)


def _stay(rows: int) -> str:
    return f"{number_of(rows, 'row')} {'stays' if rows == 1 else 'stay'}"


def handed_over_page(done: HandedOver) -> RenderableType:
    """Who owns a serving table now, who did, and what follows from it."""
    lines = [
        Text(f"{done.table} belongs to {done.owner}", style="bold"),
        Text(f"before: {done.former or 'none'}"),
        Text(
            "what to do: run the serving asset for every day that readers need; until then they see the previous data"
        ),
    ]
    return Group(*lines)


def verification_page(answer: Verification) -> RenderableType:
    """Every table, what is worth knowing, and every finding with what to do."""
    broken = {finding.table for finding in answer.findings}
    figures = ("version", "files", "rows")
    tables = grid(("table", *figures, "verdict"), figures=figures)
    for table in answer.tables:
        if table.version is None:
            tables.add_row(table.table, "", "", "", Text("not made yet", style="dim"))
        else:
            verdict = Text("broken", style="bold red") if table.table in broken else Text("well", style="green")
            tables.add_row(table.table, f"{table.version:,}", f"{table.files:,}", f"{table.rows:,}", verdict)
    parts: list[RenderableType] = [tables, *(Text(f"note: {note}", style="yellow") for note in answer.notes)]
    for finding in answer.findings:
        title = f"{finding.table}: {finding.check}" + (f", {finding.file}" if finding.file else "")
        lines = [f"expected: {finding.expected}", f"found: {finding.found}", f"what to do: {finding.do}"]
        parts.append(Panel(Text(as_typed("\n".join(lines))), title=Text(title), title_align="left", border_style="red"))
    count = len(answer.findings)
    last = f"{count} finding{'s' * (count > 1)}" if count else "no problems found"
    return Group(*parts, Text(last, style="bold red" if answer.findings else "bold green"))


def sample_page(url: str, exports: Iterable[Export]) -> RenderableType:
    """What was written, and where."""
    return Group(
        *(Text(_sample_line(export), style="bold") for export in exports),
        Text(as_typed(f"to check it: `medallion exports verify {url}`")),
    )


def _sample_line(export: Export) -> str:
    window = format_minute(export.to_at)
    if export.from_at != export.to_at:
        window = f"{format_minute(export.from_at)} to {window}"
    items, files = number_of(export.item_count, "item"), number_of(len(export.files), "file")
    words = f"{items} of {export.table_name} in {files}, {window}"
    return f"export {export.export_id}: {words}"


def _file(source_file: str | None) -> str:
    """The name alone: the export's id stands beside it."""
    return "" if source_file is None else source_file.rsplit("/", 1)[-1]


def _detail(record: KeyRecord) -> str:
    redriven = f"redriven at {format_minute(record.redriven_at)}" if record.redriven_at else ""
    return "; ".join(words for words in (redriven, as_typed(record.detail)) if words)


def _written(record: KeyRecord) -> str:
    if record.sequence_micros is None:
        return "?"
    if record.sequence_micros > LAST_MICROS:
        return moment_text(record.sequence_micros)
    return f"{moment(record.sequence_micros):%Y-%m-%d %H:%M:%S.%f}"
