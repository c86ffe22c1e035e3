"""``headrace demo``: the whole pipeline with real files, on an embedded AWS."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from headrace.cli import demo_report
from headrace.cli.interrupt import end_on_signals
from headrace.cli.options import output_options
from headrace.config.parse import load as load_config
from headrace.errors import HeadraceError
from headrace.local.outcomes import Outcomes, object_key
from headrace.local.stack import LocalStack
from headrace.ports import SystemClock

WAIT_S_MAX = 180.0
POLL_S = 0.1


@click.command(epilog="Example:\n\n  headrace demo")
@output_options
def demo(as_json: bool) -> None:
    """Show the whole pipeline on this machine: bucket, event, function, table.

    Starts an embedded AWS on a free port of 127.0.0.1, deploys the stack of examples/flights there, uploads real flight records as CSV, gzip CSV and
    JSON Lines and one damaged file, and shows what happened to every record. Needs no AWS account, no Docker and no network; takes under a
    minute and leaves nothing behind.
    """
    console = Console(stderr=as_json, highlight=False, emoji=False)
    started = time.monotonic()
    example = demo_directory()
    config = load_config(example / "headrace.yaml")
    outcomes, problems = Outcomes(), list[str]()
    files = demo_files(example)
    console.print(f"[bold]headrace demo[/]: {len(files)} files go bucket → queue → function → table on an embedded AWS\n")
    end_on_signals()
    with LocalStack(config, example, on_step=lambda step: console.print(f"  [dim]…[/] {step}"), on_log=outcomes.log, on_problem=problems.append) as stack:
        demo_report.show_stack(console, stack, problems)
        upload(stack, files)
        watch(console, stack, outcomes, [key for key, _ in files])
        rejects = list(rejected_records(stack, outcomes))
        summary = demo_report.collect(stack, outcomes, rejects, problems, time.monotonic() - started)
    if as_json:
        click.echo(json.dumps(summary))
    else:
        demo_report.show(console, summary)
    unfinished = len(files) - sum(load["state"] == "LOADED" for load in summary["loads"])
    if unfinished:
        raise HeadraceError("DEMO_INCOMPLETE", f"{unfinished} of {len(files)} files were not loaded", hint="the log lines above say why")


def demo_directory() -> Path:
    """The example that is shown: of the installed package, or of the checkout."""
    here = Path(__file__).resolve()
    for candidate in (here.parents[1] / "examples" / "flights", here.parents[3] / "examples" / "flights"):
        if (candidate / "headrace.yaml").is_file():
            return candidate
    raise HeadraceError("EXAMPLE_MISSING", "examples/flights is not part of this installation", hint="run it in a checkout of headrace")


def demo_files(example: Path) -> list[tuple[str, Path]]:
    """Each sample file with the key that it gets."""
    data = sorted(path for path in (example / "data").iterdir() if path.suffix in (".csv", ".gz", ".jsonl"))
    return [(f"incoming/{'planes' if path.name.startswith('planes') else 'flights'}/{path.name}", path) for path in data]


def upload(stack: LocalStack, files: list[tuple[str, Path]]) -> None:
    """Put each file into the source bucket; the bucket's events do the rest."""
    s3 = stack.clients("s3")
    for key, path in files:
        s3.put_object(Bucket=stack.config.source.bucket, Key=key, Body=path.read_bytes())


def watch(console: Console, stack: LocalStack, outcomes: Outcomes, keys: list[str]) -> None:
    """Show how the loads of ``keys`` come on, until all have ended or no time is left."""
    deadline = time.monotonic() + WAIT_S_MAX
    columns = (
        TextColumn("  objects"),
        MofNCompleteColumn(),
        BarColumn(bar_width=30),
        TextColumn("items [bold]{task.fields[items]:,}[/]  {task.fields[rate]:,.0f}/s  rejected {task.fields[rejected]}"),
        TimeElapsedColumn(),
    )
    started = time.monotonic()
    with Progress(*columns, console=console, transient=False, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=len(keys), items=0, rate=0.0, rejected=0)
        while time.monotonic() < deadline:
            ended = {object_key(load): load for load in outcomes.loads()}
            items = sum(item_counts(stack).values())
            rejected = sum(load["rejected"] for load in ended.values())
            progress.update(task, completed=len(ended), items=items, rate=items / max(time.monotonic() - started, 0.1), rejected=rejected)
            if len(ended) >= len(keys):
                return
            SystemClock.sleep(POLL_S)
    missing = ", ".join(sorted(set(keys) - {object_key(load) for load in outcomes.loads()}))
    raise HeadraceError("DEMO_TIMEOUT", f"not loaded within {WAIT_S_MAX:.0f} s: {missing}", hint="is the machine very busy? The function's log may say more")


def item_counts(stack: LocalStack) -> dict[str, int]:
    """Items in each table now. (The embedded AWS counts at once; AWS itself updates ItemCount about every six hours.)"""
    dynamodb = stack.clients("dynamodb")
    names = [stack.config.table_name(entry) for entry in stack.config.tables]
    return {name: int(dynamodb.describe_table(TableName=name)["Table"]["ItemCount"]) for name in names}


def rejected_records(stack: LocalStack, outcomes: Outcomes) -> Iterator[dict[str, Any]]:
    """The records that were rejected, from the rejects bucket."""
    s3 = stack.clients("s3")
    for load in outcomes.loads():
        if load["rejects"]:
            bucket, _, key = load["rejects"].removeprefix("s3://").partition("/")
            content = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            yield from (json.loads(line) for line in content.splitlines())
