"""``headrace check``: the config, all its mistakes or what it means."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from pathlib import Path

import click

from headrace.cli import render
from headrace.cli.options import config_option, output_options, read_config
from headrace.config.compiled import config_hash, dumps
from headrace.config.model import Config, Route
from headrace.deploy.limits import require_fit
from headrace.transform.hook import load_transform

EPILOG = """\b
Examples:
  headrace check
  headrace check --config staging/headrace.yaml --json

Exit codes: 0 the config is right; 2 it is not."""


@click.command(epilog=EPILOG)
@config_option
@output_options
def check(config_path: Path | None, as_json: bool) -> None:
    """Say everything that is wrong in headrace.yaml at once, each with its line and what to write instead; or, if it is right, what it means.

    Transforms are imported, to see whether they can be. No call to AWS is made.
    """
    config, path = read_config(config_path)
    sys.path.insert(0, str(path.absolute().parent))
    for route in config.routes:
        if route.transform:
            with redirect_stdout(sys.stderr):
                load_transform(route.transform, route.name)
    require_fit(config)
    if as_json:
        click.echo(json.dumps({"path": str(path), "hash": config_hash(config), "config": json.loads(dumps(config))}))
        return
    console = render.stdout()
    render.line(console, f"{path} is right", style="green")
    render.line(console, f"stack {config.name}: s3://{config.source.bucket} ({config.source.trigger}), rejected records to s3://{config.rejects_bucket}")
    headings = ("route", "objects", "format", "table", "key", "columns", "others")
    render.table(console, headings, [_row(config, route) for route in config.routes])


def _row(config: Config, route: Route) -> tuple[object, ...]:
    table = config.tables[route.table]
    key = ", ".join(f"{name}: {kind}" + (f" = {route.key[name]}" if name in route.key else "") for name, kind in table.key.items())
    by = [route.mode if route.mode != "put" else "", f"newer by {route.newer_by}" if route.newer_by else ""]
    by += [f"operation in {route.operation}" if route.operation else ""]
    mode = f" ({', '.join(filter(None, by))})" if any(by) else ""
    return (route.name, route.match, route.format, config.table_name(route.table) + mode, key, len(route.columns), route.other_columns)
