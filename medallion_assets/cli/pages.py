"""Pages: how answers look in a terminal.

Belongs here: layout and colour.
Does not: figures and verdicts; each answer brings its own.
"""

from __future__ import annotations

from collections.abc import Iterable

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table as Grid
from rich.text import Text

from medallion_assets.contracts.moments import LAST_MICROS, moment
from medallion_assets.delta.shown_rows import moment_text
from medallion_assets.operations.explain.explanation import Explanation
from medallion_assets.operations.explain.key_verdicts import KeyRecord, Verdict
from medallion_assets.operations.export_report import ExportReport
from medallion_assets.operations.quarantine_listing import QuarantineListing
from medallion_assets.operations.sections import format_counts, format_minute
from medallion_assets.operations.verify.findings import Verification
from medallion_assets.publishing.adoption import HandedOver
from medallion_assets.refining.redrive import Redriven
from medallion_assets.sources.dynamodb_export.manifest import Export
from medallion_assets.sources.dynamodb_export.verdicts import Standing

STANDING_STYLES = {
    Standing.COMPLETE: "green",
    Standing.WAITING: "yellow",
    Standing.INCOMPLETE: "red",
    Standing.TAMPERED: "bold red",
    Standing.REFUSED: "magenta",
}
VERDICT_STYLES = {
    Verdict.DECIDED: "bold green",
    Verdict.SUPERSEDED: "dim",
    Verdict.DUPLICATE: "dim",
    Verdict.QUARANTINED: "yellow",
    Verdict.WAITING: "cyan",
    Verdict.NOT_SETTLED: "cyan",
    Verdict.REJECTED: "magenta",
    Verdict.UNACCOUNTED: "bold red",
}
RAW_CHARACTERS = 60


def explanation_page(explanation: Explanation) -> RenderableType:
    """The records, the winning one first, and what Silver holds."""
    key = ", ".join(f"{name} = {value!r}" for name, value in explanation.key.items())
    grid = _grid("written", "kind", "verdict", "export", "file", "line", "detail")
    for record in explanation.records:
        grid.add_row(
            _written(record),
            record.kind.value,
            Text(record.verdict.value, style=VERDICT_STYLES[record.verdict]),
            record.export_id,
            _file(record.source_file),
            "" if record.line_number is None else str(record.line_number),
            _detail(record),
        )
    parts: list[RenderableType] = [Text(f"{explanation.table}: {key}", style="bold")]
    parts.append(grid if explanation.records else Text("Bronze holds no record of this key."))
    if not explanation.silver:
        parts.append(Text("Silver holds nothing of it."))
    for number, row in enumerate(explanation.silver, start=1):
        held = Grid(title=f"Silver, row {number} of {len(explanation.silver)}", title_justify="left", show_header=False)
        for name, value in row.items():
            held.add_row(name, "" if value is None else str(value))
        parts.append(held)
    parts += [Text(f"not known: {one}", style="yellow") for one in explanation.unknown]
    parts += [Text(f"Silver disagrees: {one}", style="bold red") for one in explanation.disagreements]
    if explanation.disagreements:
        parts.append(Text("what to do: run `medallion verify --deep`; it finds what else differs and says what to do"))
    return Group(*parts)


def exports_page(report: ExportReport) -> RenderableType:
    """Every export with its verdict, and below them what to do about those that are not well."""
    exports = report.exports
    grid = _grid("export", "table", "type", "from", "to", "verdict", "items", "files", "gap before it")
    notes: list[RenderableType] = []
    for one in exports:
        gap = one.gap_before
        missing = (
            "" if gap is None else f"from {format_minute(gap.from_at) or 'the beginning'} to {format_minute(gap.to_at)}"
        )
        grid.add_row(
            f"{one.prefix}{one.export_id}",
            one.table or "?",
            (one.export_type or "?").removesuffix("_EXPORT").lower(),
            format_minute(one.from_at),
            format_minute(one.to_at),
            Text(one.verdict.value, style=STANDING_STYLES[one.standing]),
            f"{one.items:,}",
            f"{one.files:,}",
            Text(missing, style="red"),
        )
        if one.problem:
            notes.append(Text(f"{one.export_id} {one.verdict.value}: {one.problem}; what to do: {one.do}"))
        if one.unprotected_minute:
            notes.append(Text(f"warning: {one.unprotected_minute}", style="yellow"))
    lost = [f"{one.key}: {one.problem}; what to do: {one.do}" for one in report.unclaimed]
    lost += [f"{folder} was not looked into: {why}" for folder, why in report.not_looked_into.items()]
    notes += [Text(line, style="red") for line in lost]
    well = sum(one.is_well for one in exports)
    items = sum(one.items for one in exports)
    last = Text(
        f"{well} of {len(exports)} exports are complete and joined; {items:,} items verified; "
        f"{report.foreign_objects:,} objects belong to no export"
    )
    last.stylize("green" if report.is_well else "red")
    return Group(grid, *notes, last)


def quarantine_page(listing: QuarantineListing) -> RenderableType:
    """Figures, then the first rows."""
    waiting = listing.total - listing.redriven
    head = Text(f"{listing.table}: {waiting:,} rows wait, {listing.redriven:,} were driven again", style="bold")
    reasons = Text(format_counts(listing.waiting_by_reason))
    if not listing.rows:
        return head
    grid = _grid("export", "file", "line", "reasons", "redriven", "raw")
    for row in listing.rows:
        raw = row["raw"] if len(row["raw"]) <= RAW_CHARACTERS else row["raw"][: RAW_CHARACTERS - 1] + "…"
        place = (row["_export_id"], _file(row["_source_file"]), str(row["_line_number"]))
        grid.add_row(*place, ", ".join(row["reasons"]), format_minute(row["redriven_at"]), Text(raw))
    shown = f"{len(listing.rows):,} of {listing.total:,} rows shown; --limit shows more, --json shows them whole"
    return Group(head, reasons, grid, Text(shown, style="dim"))


def redriven_page(table: str, done: Redriven) -> RenderableType:
    """What a redrive did, and what follows from it."""
    lines = [
        Text(f"{table}: {done.looked_at:,} rows judged again, {done.redriven:,} of them are good now", style="bold")
    ]
    if done.still_bad:
        lines.append(Text(f"still bad: {format_counts(done.still_bad)}"))
    if done.conflicting:
        lines.append(Text(f"{done.conflicting:,} rows stay: two records of one key differ in one export (rule R3)"))
    if done.not_settled:
        lines.append(Text(f"{done.not_settled:,} rows stay: their exports are not settled; run the Silver asset first"))
    if done.restated:
        days = ", ".join(str(day) for day in sorted(done.restated))
        lines.append(Text(f"{done.rows_changed:,} keys changed in version {done.version}; days restated: {days}"))
        lines.append(Text("what to do: nothing where the sensors run; else run enrichment, Gold and serving for these"))
    elif done.redriven:
        lines.append(Text(f"{done.rows_changed:,} keys changed; no day is restated"))
    return Group(*lines)


def handed_over_page(done: HandedOver) -> RenderableType:
    """Who owns a serving table now, who did, and what follows from it."""
    lines = [
        Text(f"{done.table} belongs to {done.owner}", style="bold"),
        Text(f"before: {done.former or 'nobody'}"),
        Text("what to do: run the serving asset for every day that readers need; until then they see what was there"),
    ]
    return Group(*lines)


def verification_page(answer: Verification) -> RenderableType:
    """Every table, what is worth knowing, and every finding with what to do."""
    broken = {finding.table for finding in answer.findings}
    grid = _grid("table", "version", "files", "rows", "verdict")
    for table in answer.tables:
        if table.version is None:
            grid.add_row(table.table, "", "", "", Text("not made yet", style="dim"))
        else:
            verdict = Text("broken", style="bold red") if table.table in broken else Text("well", style="green")
            grid.add_row(table.table, f"{table.version:,}", f"{table.files:,}", f"{table.rows:,}", verdict)
    parts: list[RenderableType] = [grid, *(Text(f"note: {note}", style="yellow") for note in answer.notes)]
    for one in answer.findings:
        title = f"{one.table}: {one.check}" + (f", {one.file}" if one.file else "")
        lines = [f"expected: {one.expected}", f"found: {one.found}", f"what to do: {one.do}"]
        parts.append(Panel(Text("\n".join(lines)), title=Text(title), title_align="left", border_style="red"))
    last = f"{len(answer.findings)} findings" if answer.findings else "nothing found: every table is well"
    return Group(*parts, Text(last, style="bold red" if answer.findings else "bold green"))


def sample_page(url: str, export: Export) -> RenderableType:
    """What was written, and where."""
    return sample_exports_page(url, [export])


def sample_exports_page(url: str, exports: Iterable[Export]) -> RenderableType:
    """What was written, and where."""
    return Group(
        *(Text(_sample_line(export), style="bold") for export in exports),
        Text(f"what to do: look at it with `medallion exports verify {url}`"),
    )


def _sample_line(export: Export) -> str:
    window = format_minute(export.to_at)
    if export.from_at != export.to_at:
        window = f"{format_minute(export.from_at)} to {window}"
    words = f"{export.item_count:,} items of {export.table_name} in {len(export.files)} files, {window}"
    return f"export {export.export_id}: {words}"


def _grid(*columns: str) -> Grid:
    grid = Grid(header_style="bold", box=SIMPLE_HEAD)
    for name in columns:
        right = name in ("line", "items", "files", "version", "rows")
        grid.add_column(name, justify="right" if right else "left", overflow="fold")
    return grid


def _file(source_file: str | None) -> str:
    """The name alone: the export's id stands beside it."""
    return "" if source_file is None else source_file.rsplit("/", 1)[-1]


def _detail(record: KeyRecord) -> str:
    redriven = f"redriven at {format_minute(record.redriven_at)}" if record.redriven_at else ""
    return "; ".join(words for words in (redriven, record.detail) if words)


def _written(record: KeyRecord) -> str:
    if record.sequence_micros is None:
        return "?"
    if record.sequence_micros > LAST_MICROS:
        return moment_text(record.sequence_micros)
    return f"{moment(record.sequence_micros):%Y-%m-%d %H:%M:%S.%f}"
