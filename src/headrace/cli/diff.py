"""``headrace diff``: what a deployment would change."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import click

from headrace.cli import render
from headrace.cli.options import OpenAws, aws_options, config_option, output_options, read_config
from headrace.cli.stack_view import show_changes
from headrace.deploy import services
from headrace.deploy.package import build
from headrace.deploy.stack import diff as stack_diff

EPILOG = """\b
Examples:
  headrace diff
  headrace diff --config staging/headrace.yaml --profile staging --json

Exit codes: 0 compared, whether there are changes or not; 1 failed; 2 wrong usage or config."""


@click.command(epilog=EPILOG)
@click.option("--alarm-topic", metavar="ARN", help="SNS topic for the alarms. Default: as it is.")
@config_option
@aws_options
@output_options
def diff(*, alarm_topic: str | None, config_path: Path | None, open_aws: OpenAws, as_json: bool) -> None:
    """Show what `headrace deploy` would change, as CloudFormation's change set has it. Nothing is uploaded and nothing is left behind."""
    config, path = read_config(config_path)
    clients = open_aws().client
    with tempfile.TemporaryDirectory(prefix="headrace-") as folder:
        package = build(config, path.absolute().parent, Path(folder) / "function.zip", for_here=services.is_plain_http(clients))
        changes = stack_diff(config, package, clients, alarm_topic=alarm_topic)
    if as_json:
        click.echo(json.dumps({"stack": config.name, "changes": [vars(change) for change in changes]}))
    else:
        show_changes(render.stdout(), config.name, changes)
