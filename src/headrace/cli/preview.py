"""``headrace preview``: the items of a file, without AWS."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NoReturn

import click

from headrace.account.outcome import Counts
from headrace.cli import render
from headrace.cli.choice import Asked, choose
from headrace.cli.options import config_option, output_options
from headrace.cli.outcome_view import code_of, show_choice, show_counts, show_failed, show_reasons
from headrace.cli.rejects import LocalRejects, rejects_path
from headrace.cli.source import source_of
from headrace.errors import RecordError
from headrace.load import Ports, load_object
from headrace.ports import SystemClock
from headrace.write.batch import Entry

RECORDS_DEFAULT = 10

EPILOG = """\b
Examples:
  headrace preview orders.csv --key customer:order
  headrace preview incoming/orders/2024.csv.gz --limit 100
  headrace preview orders.csv --route orders --all --rejects rejected.jsonl > items.jsonl

Exit codes: 0 all accepted; 1 failed; 2 wrong usage or config; 3 finished, but some records were rejected."""


@click.command(epilog=EPILOG)
@click.argument("source")
@click.option("--limit", type=click.IntRange(1), default=RECORDS_DEFAULT, show_default=True, metavar="N", help="Records to read.")
@click.option("--all", "is_all", is_flag=True, help="Read all records.")
@click.option("--table", metavar="NAME", help="Taken as by `load`, but no table is asked.")
@click.option("--key", metavar="PK[:SK]", help="Without a config: the columns that are the table's key. Their types are guessed from the data.")
@click.option("--route", metavar="NAME", help="Take this route of the config, whatever its pattern.")
@click.option("--rejects", type=click.Path(path_type=Path), metavar="FILE", help="Keep rejected records here. An existing file is replaced.")
@config_option
@output_options
def preview(
    *,
    source: str,
    limit: int,
    is_all: bool,
    table: str | None,
    key: str | None,
    route: str | None,
    rejects: Path | None,
    config_path: Path | None,
    as_json: bool,
) -> int:
    """Print the items that SOURCE would become, one line of DynamoDB JSON each, as DynamoDB's export and import have them.

    SOURCE is a file, or - for standard input. The route is found as by `headrace load`; with --key no config is needed. Nothing but items goes to
    stdout; rejections and a summary go to stderr. No call to AWS is made: no credentials and no network are needed.
    """
    console = render.stderr()
    found = source_of(source, None)
    sink = LocalRejects(rejects_path(rejects, found) if rejects else None, may_replace=True)
    choice = choose(found, Asked(table, key, route, config_path), None)
    show_choice(console, choice, target="items")
    ports = Ports(found.objects, _no_table, sink, SystemClock())
    outcome = load_object(choice.ref, choice.route, choice.config, ports, open_sink=_open_printer, limit=None if is_all else limit)
    sys.stdout.flush()
    show_counts(console, outcome)
    show_reasons(console, sink.reasons)
    if outcome.read == limit and not is_all:
        render.line(console, f"stopped after {limit} records; --limit N or --all reads more")
    show_failed(outcome)
    return code_of(outcome)


class _Printer:
    """A Sink that prints each item, or the key of a deletion, as a line."""

    def __init__(self, out: BinaryIO, counts: Counts) -> None:
        self._out = out
        self._counts = counts

    def add(self, entry: Entry) -> None:
        ((_, content),) = (entry.request.split(":", 1),)
        self._out.write(content[:-1].encode() + b"\n")  # {"PutRequest":{"Item":…}} without its outer object
        self._counts.written += 1

    def finish(self) -> None:
        self._out.flush()

    def close(self) -> None:
        """Nothing: stdout stays open."""


def _open_printer(counts: Counts, refused: Callable[[Entry, RecordError], None]) -> _Printer:
    return _Printer(sys.stdout.buffer, counts)


def _no_table(name: str) -> NoReturn:
    raise AssertionError("a preview has no table")
