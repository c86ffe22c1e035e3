"""``headrace deploy``: the stack created or updated, read back and tried."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import click

from headrace.cli import render
from headrace.cli.failure import ACCEPTED, FAILED
from headrace.cli.options import OpenAws, aws_options, config_option, output_options, read_config
from headrace.cli.stack_view import going_on, is_agreed, require_consent, require_no_messages, show_changes, show_events
from headrace.config.match import literal_prefix
from headrace.config.model import Config, Route
from headrace.deploy import data, services
from headrace.deploy.names import Clients, log_group
from headrace.deploy.package import Package, build
from headrace.deploy.readback import Gap, readback, repair
from headrace.deploy.stack import Deployment
from headrace.deploy.stack import deploy as deploy_stack
from headrace.deploy.stack import diff as stack_diff
from headrace.deploy.verify import verify_function

EPILOG = """\b
Examples:
  headrace deploy
  headrace deploy --yes --alarm-topic arn:aws:sns:eu-west-1:111122223333:oncall
  headrace deploy --config staging/headrace.yaml --profile staging --yes --json

Exit codes: 0 deployed; 1 failed, or the answer was no; 2 wrong usage or config."""


@click.command(epilog=EPILOG)
@click.option("--yes", is_flag=True, help="Do not ask. Needed where there is no terminal.")
@click.option("--alarm-topic", metavar="ARN", help="SNS topic for the alarms. Default: as it is.")
@click.option("--delete-messages", is_flag=True, help="With --yes: also delete queues that hold messages, when the trigger changes.")
@config_option
@aws_options
@output_options
def deploy(*, yes: bool, alarm_topic: str | None, delete_messages: bool, config_path: Path | None, open_aws: OpenAws, as_json: bool) -> int:
    """Create or update the stack of headrace.yaml: buckets, queues, function, tables, alarms.

    Shows the change set and asks before it is carried out. Afterwards every resource is read back and compared with the template, and the function
    is invoked once with a test event. If CloudFormation fails it rolls back, and the cause is shown. May be repeated.
    """
    config, path = read_config(config_path)
    require_consent("deploy", is_given=yes)
    clients = open_aws().client
    console = render.stderr()
    with tempfile.TemporaryDirectory(prefix="headrace-") as folder:
        waiting = data.waiting(clients, data.queues_removed(config, clients))
        require_no_messages(waiting, is_given=delete_messages, is_asked=not yes)
        package = build(config, path.absolute().parent, Path(folder) / "function.zip", for_here=services.is_plain_http(clients))
        if not yes and not _is_wanted(config, package, clients, alarm_topic):
            render.line(console, "nothing was changed")
            return FAILED
        with going_on(console, config.name):
            deployment = deploy_stack(config, package, clients, alarm_topic=alarm_topic, progress=show_events(console))
    gaps = readback(config, clients)
    if gaps and services.is_plain_http(clients):  # an emulator, whose CloudFormation drops properties that its services have
        gaps = repair(config, gaps, clients)
    verify_function(config, clients)
    if as_json:
        changes = [vars(change) for change in deployment.changes]
        document = {"stack": deployment.stack, "created": deployment.created, "changes": changes, "outputs": deployment.outputs}
        click.echo(json.dumps({**document, "gaps": [vars(gap) for gap in gaps]}, default=str))
    else:
        if yes:  # otherwise they were shown with the question
            show_changes(render.stdout(), deployment.stack, deployment.changes)
        _show(config, deployment, gaps)
    return ACCEPTED


def _is_wanted(config: Config, package: Package, clients: Clients, alarm_topic: str | None) -> bool:
    """Show what would be changed and ask, unless there is nothing."""
    changes = stack_diff(config, package, clients, alarm_topic=alarm_topic)
    show_changes(render.stderr(), config.name, changes)
    return not changes or is_agreed("Carry this out?")


def _show(config: Config, deployment: Deployment, gaps: list[Gap]) -> None:
    console = render.stdout()
    what = ("created" if deployment.created else "updated") if deployment.changes else "unchanged"
    render.line(console, f"stack {deployment.stack}: {what}", style="green")
    render.table(console, ("output", "value"), list(deployment.outputs.items()))
    if gaps:
        render.line(console, "not as the template says:", style="yellow")
        rows = [(gap.resource, gap.property or "all of it", "repaired" if gap.repaired else "open", json.dumps(gap.found, default=str)) for gap in gaps]
        render.table(console, ("resource", "property", "state", "found"), rows)
    else:
        render.line(console, "every resource was read back and is as the template says; the function answered a test event", style="green")
    render.line(console, "next:", style="bold")
    for route in config.routes:
        render.line(console, f"  aws s3 cp FILE s3://{config.source.bucket}/{_folder(route)}  (route {route.name}: {route.match})")
    render.line(console, f"  aws logs tail {log_group(config.loader_function)} --follow")


def _folder(route: Route) -> str:
    """The folder that holds all keys of the route, with a slash at its end; empty for the whole bucket."""
    return "/".join([*literal_prefix(route.match).split("/")[:-1], ""])
