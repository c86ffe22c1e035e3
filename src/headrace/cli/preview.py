"""``headrace preview``: the items of a file, without AWS."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import BinaryIO, NoReturn

import click

from headrace.account.outcome import Counts, Outcome
from headrace.cli import render
from headrace.cli.choice import Asked, choose
from headrace.cli.export import export_of, loaded, require_format
from headrace.cli.options import config_option, output_options
from headrace.cli.outcome_view import code_of, show_choice, show_counts, show_export, show_failed, show_reasons
from headrace.cli.rejects import LocalRejects, rejects_path
from headrace.cli.source import source_of
from headrace.errors import RecordError
from headrace.load import Ports, load_object
from headrace.ports import ObjectRef, SystemClock
from headrace.write.batch import REQUEST, Entry

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
    export = export_of(found)
    choice = choose(export.example.source if export else found, Asked(table, key, route, config_path), None)
    show_choice(console, choice, target="items")
    ports = Ports(found.objects, _no_table, sink, SystemClock())

    out = sys.stdout.buffer

    def opened(counts: Counts, refused: Callable[[Entry, RecordError], None]) -> _Printer:
        return _Printer(out, counts)

    def printed(ref: ObjectRef, records: int | None) -> Outcome:
        with redirect_stdout(sys.stderr):  # what a transform prints is no item
            return load_object(ref, choice.route, choice.config, ports, open_sink=opened, limit=records)

    records_max = None if is_all else limit
    if export:
        require_format(export, choice.route)
        show_export(console, export)
        outcome = loaded(export, str(found.ref), lambda file, left: printed(file.source.ref, left), records_max)
    else:
        outcome = printed(choice.ref, records_max)
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

    def write(self, entries: Sequence[Entry]) -> None:
        self._out.writelines([_shown(entry[REQUEST]).encode() + b"\n" for entry in entries])
        self._counts.written += len(entries)

    def finish(self) -> None:
        self._out.flush()

    def close(self) -> None:
        """Nothing: stdout stays open."""


def _shown(request: str) -> str:
    """``{"Item":…}`` or ``{"Key":…}`` of a request; of an update the attributes that it sets, with the key."""
    if request.startswith("{"):
        return request.split(":", 1)[1][:-1]  # {"PutRequest":{"Item":…}} without its outer object
    operation, _, members = request.partition(" ")
    call = json.loads(f"{{{members}}}")
    if operation == "UpdateItem":
        given = call.get("ExpressionAttributeValues", {})
        call["Item"] = call["Key"] | {name: given[f":{placeholder[1:]}"] for placeholder, name in call.get("ExpressionAttributeNames", {}).items()}
    name = "Key" if operation == "DeleteItem" else "Item"
    return json.dumps({name: call[name]}, ensure_ascii=False, separators=(",", ":"))


def _no_table(name: str) -> NoReturn:
    raise AssertionError("a preview has no table")
