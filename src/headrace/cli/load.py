"""``headrace load``: the pipeline from this machine into a table."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack, redirect_stdout
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console

from headrace.account.outcome import Outcome
from headrace.cli import render
from headrace.cli.choice import Asked, Choice, choose
from headrace.cli.export import DataFile, Export, export_of, loaded, require_format
from headrace.cli.options import OpenAws, aws_options, config_option, output_options
from headrace.cli.outcome_view import code_of, document, show_choice, show_export, show_failed, show_outcome
from headrace.cli.progress import LoadProgress
from headrace.cli.rejects import LocalRejects, rejects_path
from headrace.cli.source import source_of
from headrace.cli.table_key import key_of_table, require_table
from headrace.config.model import Config
from headrace.load import Ports, load_object
from headrace.ports import ItemStore, SystemClock

EPILOG = """\b
Examples:
  headrace load orders.csv --table orders --key customer:order
  headrace load incoming/orders/2024.csv.gz
  headrace load export.txt --route orders --rejects rejected.jsonl
  headrace load 's3://my-incoming-files/orders/2024.csv?versionId=3sL4kqtJlcpXroDTDmJ' --json
  headrace load s3://my-exports/AWSDynamoDB/01234567890123-a1b2c3d4/manifest-summary.json --table orders
  zstd -dc orders.csv.zst | headrace load - --table orders

Exit codes: 0 all accepted; 1 failed; 2 wrong usage or config; 3 finished, but some records were rejected."""


@click.command(epilog=EPILOG)
@click.argument("source")
@click.option("--table", metavar="NAME", help="Load into this table without a config.")
@click.option("--key", metavar="PK[:SK]", help="The key that you expect the table to have. Its attributes are columns of the file.")
@click.option("--route", metavar="NAME", help="Take this route of the config, whatever its pattern.")
@click.option("--rejects", type=click.Path(path_type=Path), metavar="FILE", help="Where rejected records go. An existing file is replaced.")
@click.option("--max-rejects", type=click.IntRange(0), metavar="N", help="Fail once more records are rejected. Default: as the route says, else 1000.")
@click.option("--max-write-units", type=click.IntRange(1), metavar="N", help="Consume at most N write units a second. Default: as the config says.")
@config_option
@aws_options
@output_options
def load(
    *,
    source: str,
    table: str | None,
    key: str | None,
    route: str | None,
    rejects: Path | None,
    max_rejects: int | None,
    max_write_units: int | None,
    config_path: Path | None,
    open_aws: OpenAws,
    as_json: bool,
) -> int:
    """Load one file or one S3 object into a DynamoDB table, by the same path as the deployed function.

    SOURCE is a file, s3://bucket/key (with ?versionId=… for an old version), or - for standard input, which is read to its end first. The
    manifest-summary.json of a DynamoDB export stands for all its data files: their MD5s are compared with the manifest's before anything is written,
    then they are loaded one after the other, and their records counted.

    With --table no config is needed: format, delimiter and types are inferred from the first 10,000 records and shown before anything is written.
    The key is asked from the table. Typed values, of JSON, Parquet and so on, keep their own types.

    Otherwise a route of headrace.yaml says all that. An S3 object takes the first route that matches its key; a file the first that matches its
    path below the config's folder (or as you wrote it, if it lies elsewhere), or the end of that path.

    Rejected records go whole, each with its line and reason, to FILE, by default to NAME.rejects.jsonl in this folder (NAME.rejects-2.jsonl if that
    is there already). Loading again is safe: an item is replaced by itself.
    """
    console = render.stderr()
    found = source_of(source, open_aws)
    sink = LocalRejects(rejects_path(rejects, found), may_replace=rejects is not None)
    aws = open_aws()
    export = export_of(found)
    example = export.example.source if export else found
    choice = choose(example, Asked(table, key, route, config_path), lambda name, wanted: key_of_table(aws, name, wanted=wanted))
    if export:
        require_format(export, choice.route)
    if choice.sample is None:
        require_table(aws, choice.config, choice.route, lambda text: render.line(console, f"warning: {text}", style="yellow"))
    if max_rejects is not None:
        choice = replace(choice, route=replace(choice.route, on_error=replace(choice.route.on_error, max_rejects=max_rejects)))
    if max_write_units is not None:
        choice = replace(choice, config=_with_budget(choice.config, choice.route.table, max_write_units))
    show_choice(console, choice, target=f"table {choice.config.table_name(choice.route.table)}")
    clock = SystemClock()
    with ExitStack() as opened:

        def table_of(name: str) -> ItemStore:
            store = aws.table(name, clock)
            opened.callback(store.close)
            return store

        ports = Ports(found.objects, table_of, sink, clock)
        outcome = _export_loaded(export, str(found.ref), choice, ports, console) if export else _loaded(choice, ports, console)
    if as_json:
        click.echo(json.dumps(document(outcome, choice, sink)))
    else:
        show_outcome(outcome, sink)
        show_failed(outcome)
    return code_of(outcome)


def _with_budget(config: Config, entry: str, units_per_s: int) -> Config:
    return replace(config, tables=config.tables | {entry: replace(config.tables[entry], max_write_units_per_s=units_per_s)})


def _export_loaded(export: Export, name: str, choice: Choice, ports: Ports, console: Console) -> Outcome:
    """The load of all data files of ``export``."""
    show_export(console, export)

    def one(file: DataFile, limit: int | None) -> Outcome:
        outcome = _loaded(replace(choice, ref=file.source.ref), ports, console)
        render.line(console, f"{file.source.ref}: read {outcome.read:,} of {file.items:,}")
        return outcome

    return loaded(export, name, one)


def _loaded(choice: Choice, ports: Ports, console: Console) -> Outcome:
    """The load, with its progress on ``console``; interrupted, it says how far it came."""
    with LoadProgress(console) as progress:
        try:
            with redirect_stdout(sys.stderr):  # what a transform prints is no part of the outcome
                return load_object(choice.ref, choice.route, choice.config, ports, progress=progress)
        except KeyboardInterrupt:
            counts = progress.counts
            hint = "loading it again is safe and completes it"
            render.line(console, f"{choice.ref}: {counts.read:,} records read, {counts.written:,} items written until it was interrupted; {hint}")
            raise
