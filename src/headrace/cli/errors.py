"""``headrace errors``: which records were rejected, where and why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import click
from rich.console import Console

from headrace.cli import render
from headrace.cli.failure import usage
from headrace.cli.history import require_route
from headrace.cli.ledger_access import LedgerAccess, Since, open_ledger, since_option
from headrace.cli.ledger_view import STYLES, count, equation, moment, rejected_replay
from headrace.cli.line_story import line_story, show_story
from headrace.cli.options import OpenAws, aws_options, config_option, output_options
from headrace.cli.outcome_view import show_reasons
from headrace.cli.rejects import Reasons
from headrace.ledger.entries import Generation
from headrace.ports import SystemClock
from headrace.rejected import Kept, kept_records

EPILOG = """\b
Examples:
  headrace errors
  headrace errors incoming/orders/2024.csv
  headrace errors incoming/orders/2024.csv --line 4711
  headrace errors --route orders --since 1d --json > rejected.jsonl

Exit codes: 0 answered; 1 failed; 2 wrong usage or config."""


@click.command(epilog=EPILOG)
@click.argument("name", metavar="[KEY|GENERATION]", required=False)
@click.option("--line", type=click.IntRange(1), metavar="N", help="What happened to this line of the object (from 1)?")
@click.option("--all", "is_all", is_flag=True, help="Every record, not only groups.")
@click.option("--route", metavar="NAME", help="Only loads by this route.")
@since_option
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, metavar="N", help="Loads to look at, the last first.")
@config_option
@aws_options
@output_options
def errors(
    *,
    name: str | None,
    line: int | None,
    is_all: bool,
    route: str | None,
    since: Since,
    limit: int,
    config_path: Path | None,
    open_aws: OpenAws,
    as_json: bool,
) -> int:
    """Say which records were rejected, where and why.

    Without an argument: those of the last days, grouped by object, reason and column. KEY is an object's key, or s3://bucket/key, and stands for its
    version that counts; GENERATION is one load, as `headrace history --object KEY` lists them.

    --all prints every record with line, byte offset, column and the record itself; --json prints them as JSON lines. --line answers for one line
    of one object, and says what is known and what is not.
    """
    access = open_ledger(config_path, open_aws)
    if route:
        require_route(access.config, route)
    if line is not None:
        if name is None:
            raise usage("--line without an object", "name its key: headrace errors KEY --line N")
        story = line_story(access, access.find(name), line)
        click.echo(json.dumps(story.document())) if as_json else show_story(story)
        return 0
    found = _chain(access, name) if name else _recent(access, since.seconds(access.now), route)
    loads = list(islice(found, limit))
    is_more = next(found, None) is not None
    for each in loads:
        if as_json:
            _print_records(access, each)
        else:
            _show(access, each, is_all=is_all)
    if as_json:
        if is_more:
            render.line(render.stderr(), _more(limit), style="yellow")
    else:
        _show_end(loads, f"since {since.text}" if name is None else "", limit if is_more else None)
    return 0


def _chain(access: LedgerAccess, name: str) -> Iterator[Generation]:
    """The load that is meant and, where it replays rejected records, those before it."""
    found: Generation | None = access.find(name)
    while found:
        if count(found, "rejected"):
            yield found
        found = access.ledger.generation(found.replay_of) if found.replay_of and found.records == "rejected" else None


def _recent(access: LedgerAccess, since: float, route: str | None) -> Iterator[Generation]:
    """Loads with rejected records: those under way, then those that ended."""
    for generations in (access.ledger.open(), access.ended(since)):
        yield from (each for each in generations if count(each, "rejected") and route in (None, each.route))


@dataclass(frozen=True)
class Rejected:
    """The rejected records of a load, and the load that replayed them, if there was one."""

    access: LedgerAccess
    generation: Generation
    replay: Generation | None

    @classmethod
    def of(cls, access: LedgerAccess, generation: Generation) -> Rejected:
        return cls(access, generation, rejected_replay(access.ledger, generation))

    def __iter__(self) -> Iterator[Kept]:
        return kept_records(self.access.ledger, self.generation, self.access.aws.objects(), SystemClock())

    def is_replayed(self, record: Kept) -> bool:
        return self.replay is not None and record.is_replayable


def _print_records(access: LedgerAccess, generation: Generation) -> None:
    rejected = Rejected.of(access, generation)
    for record in rejected:
        replayed_as = rejected.replay.id if rejected.replay and rejected.is_replayed(record) else None
        load = {"key": generation.key, "generation": generation.id, "chunk": record.chunk, "replayed_as": replayed_as}
        click.echo(json.dumps(load | dict(record.fields)))


def _show(access: LedgerAccess, generation: Generation, *, is_all: bool) -> None:
    console = render.stdout()
    rejected = Rejected.of(access, generation)
    number = count(generation, "rejected")
    style = STYLES.get(generation.state, "")
    render.line(console, f"{generation.key}  {generation.state} {moment(generation.ended_at)}, {number:,} rejected, generation {generation.id}", style=style)
    if rejected.replay:
        render.line(console, f"replayed as {rejected.replay.id}: {rejected.replay.state}, {equation(rejected.replay)}", style="cyan")
    reasons = Reasons()
    for record in rejected:
        if is_all:
            _show_record(console, record, is_replayed=rejected.is_replayed(record))
        elif not rejected.is_replayed(record):
            reasons.add(record.fields)
    show_reasons(console, reasons.sorted())


def _show_record(console: Console, record: Kept, *, is_replayed: bool) -> None:
    fields = record.fields
    column = f", column {fields['column']}" if fields["column"] else ""
    again = " (replayed)" if is_replayed else ""
    render.line(console, f"line {fields['line']}, byte {fields['byte_offset']}{column}: {fields['code']}: {fields['message']}{again}", style="bold")
    text = str(fields["raw"]) if "raw" in fields else f"in base64: {fields['raw_base64']}"
    render.line(console, "  " + render.printable(text.rstrip("\r\n")))


def _more(limit: int) -> str:
    return f"and more loads with rejected records: --limit N looks at more than {limit}"


def _show_end(loads: list[Generation], since: str, limit: int | None) -> None:
    console = render.stdout()
    if not loads:
        render.line(console, f"no rejected records {since}".rstrip(), style="green")
    if limit:
        render.line(console, _more(limit))
    if loads:
        render.line(console, "next: mend the cause, then `headrace replay KEY`; --all shows every record", style="cyan")
