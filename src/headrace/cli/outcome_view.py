"""What a load will do and what it did, for people and as data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.console import Console

from headrace.account.outcome import Outcome
from headrace.cli import render
from headrace.cli.choice import Choice, described
from headrace.cli.export import Export
from headrace.cli.failure import REJECTED, exit_code, show_failure
from headrace.cli.rejects import LocalRejects, Reason
from headrace.cli.sample import Sample
from headrace.config.model import SINGLE_MODES
from headrace.errors import HeadraceError, shortened

REASONS_SHOWN = 10
EXAMPLE_CHARACTERS = 40


def code_of(outcome: Outcome) -> int:
    """The exit code of a finished load."""
    return exit_code(outcome.error) or (REJECTED if outcome.rejected else 0)


def show_choice(console: Console, choice: Choice, *, target: str) -> None:
    """The route, and if it was made from the file itself, all that was decided. ``target`` is where the items go, in words."""
    if choice.sample is None:
        render.line(console, f"{choice.ref} → route {choice.route.name} of {choice.path} → {target}")
        if choice.route.mode in SINGLE_MODES:
            text = f"note: mode {choice.route.mode} takes one call for each item, not one for 25: it is slower, and conditions that fail cost write units too"
            render.line(console, text, style="yellow")
        return
    key = choice.config.tables[choice.route.table].key
    render.line(console, f"{choice.ref} → {target}: {_format(choice.sample)}{f', key {described(key)}' if key else ''}")
    if not choice.sample.names:
        render.line(console, "note: no record was found to take columns from", style="yellow")
        return
    kinds = _kinds(choice.sample, key)
    examples = {name: shortened(value, EXAMPLE_CHARACTERS) for name, value in choice.sample.examples.items()}
    render.table(console, ("column", "type", "example"), [(name, kind, examples.get(name, "")) for name, kind in kinds.items()])
    for note in notes(choice.sample, key):
        render.line(console, f"note: {note}", style="yellow")


def show_export(console: Console, export: Export) -> None:
    """What is going to be compared."""
    items = sum(file.items for file in export.files)
    render.line(console, f"{len(export.files):,} data files of {items:,} items: comparing their MD5s with the manifest's")
    if export.unchecked:
        render.line(console, f"note: there is no checksum of {' and '.join(export.unchecked)} itself", style="yellow")


def notes(sample: Sample, key: Iterable[str]) -> list[str]:
    """Decisions about a file that may surprise; the types of key columns are not decided here, the table has them."""
    kept = [note for note in sample.inferred.notes if not note.startswith(tuple(f"{name}: kept as " for name in key))]
    return [*sample.guess.warnings, *kept, *([f"{', '.join(sample.inferred.null_values)} is read as null"] if sample.inferred.null_values else [])]


def _kinds(sample: Sample, key: Mapping[str, str]) -> dict[str, str]:
    return {name: f"{key[name]} (key)" if name in key else kind for name, kind in sample.kinds.items()}


def show_counts(console: Console, outcome: Outcome) -> None:
    """The equation of the counts."""
    parts = " + ".join(f"{name} {getattr(outcome, name):,}" for name in ("written", "rejected", "filtered", "superseded"))
    unknown = f" + not known {outcome.unknown:,}" if outcome.unknown else ""
    render.line(console, f"read {outcome.read:,} = {parts}{unknown}", style="bold")


def show_reasons(console: Console, reasons: list[Reason]) -> None:
    """Why records were rejected, with the first line of each kind."""
    if not reasons:
        return
    render.table(console, ("rejected", "code", "first at line", "reason"), [(one.count, one.code, one.line, one.message) for one in reasons[:REASONS_SHOWN]])
    if len(reasons) > REASONS_SHOWN:
        render.line(console, f"and {len(reasons) - REASONS_SHOWN} more kinds")


LIMITS = {
    "hot_key": "too many writes to one partition key (hot key)",
    "own_cap": "the table's own MaxWriteRequestUnits",
    "account": "the account's quota for the table",
    "index": "an index with too little capacity",
    "table": "the table's capacity",
}
"""What throttled, by ``Throttled.reason``."""


def show_outcome(outcome: Outcome, rejects: LocalRejects) -> None:
    """The end of a load, on stdout; the failure, if it failed, is not part of it."""
    console = render.stdout()
    style = "red" if outcome.error else "yellow" if outcome.rejected else "green"
    render.line(console, f"{outcome.state} {outcome.object} → table {outcome.table}", style=style)
    show_counts(console, outcome)
    rate = outcome.written / outcome.seconds if outcome.seconds else 0.0
    render.line(
        console,
        f"{outcome.seconds:.1f} s, {rate:,.0f} items/s, {outcome.write_units:,.1f} write units, {outcome.calls:,} {'call' if outcome.calls == 1 else 'calls'}",
    )
    if outcome.superseded - outcome.existed:
        render.line(console, f"note: {outcome.superseded - outcome.existed:,} records were followed by another of the same key", style="yellow")
    if outcome.existed:
        render.line(console, f"note: {outcome.existed:,} records were not written: an item of their key was there already, or a newer one", style="yellow")
    for reason, calls in outcome.throttles.items():
        render.line(console, f"note: {calls:,} {'call was' if calls == 1 else 'calls were'} throttled and repeated: {LIMITS[reason]}", style="yellow")
    show_reasons(console, rejects.reasons)
    if outcome.rejects:
        render.line(console, f"rejected records, whole and with their reasons: {outcome.rejects}")


def show_failed(outcome: Outcome) -> None:
    """Why the load failed, if it did, and what to do, on stderr."""
    if outcome.error:
        failure = HeadraceError(outcome.error, outcome.message, hint=outcome.hint)
        failure.retryable = outcome.retryable
        show_failure(failure, as_json=False)


def document(outcome: Outcome, choice: Choice, rejects: LocalRejects) -> dict[str, object]:
    """The outcome with the kinds of rejections, and with what was inferred if anything was."""
    found: dict[str, object] = {**outcome.as_json(), "reject_reasons": [vars(one) for one in rejects.reasons]}
    if choice.sample is not None:
        sample = choice.sample
        key = choice.config.tables[choice.route.table].key
        found["inferred"] = {"format": sample.format, "delimiter": sample.delimiter, "key": key, "columns": sample.kinds | key, "notes": notes(sample, key)}
    return found


def _format(sample: Sample) -> str:
    return f"{sample.format} separated by {sample.delimiter!r}" if sample.delimiter else sample.format
