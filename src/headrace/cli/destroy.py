"""``headrace destroy``: the stack taken away, the data kept or not."""

from __future__ import annotations

import json
from pathlib import Path

import click

from headrace.cli import render
from headrace.cli.failure import ACCEPTED, FAILED
from headrace.cli.options import OpenAws, aws_options, config_option, output_options, read_config
from headrace.cli.stack_view import going_on, require_consent, require_no_messages, show_events
from headrace.config.model import Config
from headrace.deploy import data, names
from headrace.deploy.names import Clients
from headrace.deploy.stack import Destroyed
from headrace.deploy.stack import destroy as destroy_stack

EPILOG = """\b
Examples:
  headrace destroy
  headrace destroy --yes --delete-data --profile staging

Exit codes: 0 deleted; 1 failed, or the name typed was another; 2 wrong usage or config."""


@click.command(epilog=EPILOG)
@click.option("--yes", is_flag=True, help="Do not ask. Needed where there is no terminal.")
@click.option("--delete-data", is_flag=True, help="Also delete the stack's buckets and tables with all that is in them.")
@click.option("--delete-messages", is_flag=True, help="With --yes: also delete queues that hold messages. --delete-data includes it.")
@config_option
@aws_options
@output_options
def destroy(*, yes: bool, delete_data: bool, delete_messages: bool, config_path: Path | None, open_aws: OpenAws, as_json: bool) -> int:
    """Delete the stack of headrace.yaml: function, queues, alarms, logs.

    Buckets and tables are kept with their content, unless --delete-data is given; a later `headrace deploy` takes them in again. Tables with
    `existing: true` are never touched. Queues go with the messages in them: it says how many wait, and with --yes it refuses while any do. Asks for
    the stack's name first. May be repeated.
    """
    config, _ = read_config(config_path)
    require_consent("destroy", is_given=yes)
    clients = open_aws().client
    console = render.stderr()
    waiting = data.waiting(clients, [*names.queues(config).values(), config.failed_queue])
    require_no_messages(waiting, is_given=delete_messages or delete_data, is_asked=not yes)
    if not yes and not _is_wanted(config, clients, delete_data):
        render.line(console, "nothing was deleted")
        return FAILED
    with going_on(console, config.name):
        destroyed = destroy_stack(config, clients, delete_data=delete_data, progress=show_events(console))
    if as_json:
        click.echo(json.dumps(vars(destroyed)))
    else:
        _show(destroyed)
    return ACCEPTED


def _is_wanted(config: Config, clients: Clients, delete_data: bool) -> bool:
    """Say what will be deleted and what kept, and have the name of the stack typed."""
    console = render.stderr()
    held = data.existing(config, clients)
    render.line(console, f"deletes the stack {config.name}: its function, queues, alarms and logs", style="bold")
    if held:
        what = "DELETES WITH ALL THEIR CONTENT" if delete_data else "keeps, with their content"
        render.line(console, f"{what}: {', '.join(held)}", style="bold red" if delete_data else "green")
    typed = click.prompt(f"Type the stack's name, {config.name}, to go on", default="", show_default=False, err=True)
    return bool(typed.strip() == config.name)


def _show(destroyed: Destroyed) -> None:
    console = render.stdout()
    render.line(console, f"stack {destroyed.stack} is gone", style="green")
    for name in destroyed.deleted:
        render.line(console, f"deleted with its content: {name}")
    for name in destroyed.retained:
        render.line(console, f"kept: {name}")
