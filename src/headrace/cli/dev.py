"""``headrace dev``: the stack of a config on an embedded AWS, until Ctrl-C."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from headrace.cli import demo_report
from headrace.cli.demo import demo_directory
from headrace.cli.fault_view import FaultView
from headrace.cli.interrupt import end_on_signals
from headrace.cli.options import output_options
from headrace.cli.render import printable
from headrace.config.match import literal_prefix, route_for
from headrace.config.model import Config
from headrace.config.parse import find
from headrace.config.parse import load as load_config
from headrace.errors import ConfigError, HeadraceError
from headrace.local.drop_folder import DropFolder
from headrace.local.fault_rules import load as load_faults
from headrace.local.outcomes import Outcomes, object_key
from headrace.local.stack import LocalStack
from headrace.ports import SystemClock

POLL_S = 0.3


@click.command(epilog="Example:\n\n  headrace dev --port 4566 --drop ./drop")
@click.option(
    "--config", "config_path", type=click.Path(path_type=Path, dir_okay=False), help="The config. Default: headrace.yaml here or above, else the example."
)
@click.option("--port", default=0, show_default="any free port", help="Port of the endpoint on 127.0.0.1.")
@click.option("--drop", type=click.Path(path_type=Path, file_okay=False), default=Path("drop"), show_default=True, help="Folder whose files are uploaded.")
@click.option(
    "--faults",
    "faults_path",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Fail calls to AWS by the rules of this YAML file: throttle, cut, delay, answer with errors. docs/faults.md explains them.",
)
@output_options
def dev(config_path: Path | None, port: int, drop: Path, faults_path: Path | None, as_json: bool) -> None:
    """Run the stack on this machine: an endpoint for any AWS client, and a drop folder.

    A file saved in the drop folder is uploaded under its path there, and what happened to it is printed. A changed config is deployed
    again, and the files in the drop folder are loaded anew with it. Ctrl-C stops everything; nothing is kept but the drop folder.

    With --faults, the function and every client of the endpoint go through a proxy that fails calls by rule, such as those of
    examples/flights/faults.yaml. Each fault is shown, and at the end how often each rule acted.
    """
    console = Console(stderr=as_json, highlight=False, emoji=False)
    path = config_path or find(Path.cwd()) or demo_directory() / "headrace.yaml"
    config = load_config(path)
    faults = FaultView(console, load_faults(faults_path), as_json=as_json) if faults_path else None
    outcomes = Outcomes()
    problems: list[str] = []
    end_on_signals()
    with (
        suppress(KeyboardInterrupt),
        LocalStack(
            config,
            path.parent,
            port=0 if faults else port,
            on_step=_step(console),
            on_log=outcomes.log,
            on_problem=problems.append,
            open_proxy=partial(faults.open_proxy, port) if faults else None,
        ) as stack,
    ):
        demo_report.show_stack(console, stack, problems)
        _show_access(console, stack, drop, as_json)
        if faults:
            faults.begin()
        _serve(console, stack, (path, drop), _news(console, outcomes, faults, as_json))
    if faults:
        faults.show_sum()
    console.print("stopped; everything but the drop folder is removed")


def _step(console: Console) -> Any:
    return lambda step: console.print(f"  [dim]…[/] {step}")


def _show_access(console: Console, stack: LocalStack, drop: Path, as_json: bool) -> None:
    access = stack.environment
    if as_json:
        click.echo(json.dumps({"endpoint": stack.endpoint_url, "environment": access, "outputs": stack.deployment.outputs, "drop": str(drop)}))
        return
    console.print("[bold]For any AWS client[/]")
    for name, value in access.items():
        console.print(f"  export {name}={value}", soft_wrap=True)
    console.print("\n[bold]Where files go[/]")
    for route in stack.config.routes:
        folder = literal_prefix(route.match).rpartition("/")[0]
        console.print(f"  route {route.name}: {escape(route.match)} → table {stack.config.table_name(route.table)}", soft_wrap=True)
        console.print(
            f"    save a file in {escape((drop / folder).as_posix())}/  or  aws s3 cp FILE s3://{stack.config.source.bucket}/{escape(folder)}/", soft_wrap=True
        )
    console.print("\nCtrl-C stops it.\n")


def _serve(console: Console, stack: LocalStack, places: tuple[Path, Path], show_news: Callable[[], None]) -> None:
    """Until interrupted: upload what is dropped, print what has happened, deploy a changed config."""
    config_path, drop = places
    folder = _drop_folder(stack, drop)
    written_at = _written_at(config_path)
    while True:
        for key in folder.look():
            unmatched = "" if route_for(stack.config.routes, key) else "  [yellow]no route matches it: nothing will be loaded[/]"
            console.print(f"[dim]{time.strftime('%H:%M:%S')}[/] uploaded {escape(printable(key))}{unmatched}", soft_wrap=True)
        show_news()
        if _written_at(config_path) != written_at:
            written_at = _written_at(config_path)
            if _deploy_again(console, stack, config_path):
                folder = _drop_folder(stack, drop)
        SystemClock.sleep(POLL_S)


def _news(console: Console, outcomes: Outcomes, faults: FaultView | None, as_json: bool) -> Callable[[], None]:
    """Prints, each time it is called, the faults and the loads since the last time."""
    shown, failures = 0, set[str]()

    def show() -> None:
        nonlocal shown, failures
        if faults:
            faults.show()
        loads = outcomes.loads()
        for load in loads[shown:]:
            if load["state"] == "LOADED" or load["object"] not in failures:  # a failing object comes again until it is in the dead-letter queue
                _show_load(console, load, as_json)
            failures |= {load["object"]} if load["state"] == "FAILED" else set()
        shown = len(loads)

    return show


def _drop_folder(stack: LocalStack, drop: Path) -> DropFolder:
    s3 = stack.clients("s3")

    def upload(key: str, path: Path) -> None:
        with path.open("rb") as content:
            s3.put_object(Bucket=stack.config.source.bucket, Key=key, Body=content)

    return DropFolder(drop, stack.config, upload)


def _written_at(path: Path) -> int:
    """When the config was last written, 0 while it is away (editors replace files)."""
    return path.stat().st_mtime_ns if path.exists() else 0


def _deploy_again(console: Console, stack: LocalStack, path: Path) -> bool:
    """Deploy the changed config and say so; what is wrong with it is shown, and the stack stays as it is."""
    try:
        config: Config = load_config(path)
        if (config.name, config.source.bucket) != (stack.config.name, stack.config.source.bucket):
            raise HeadraceError("CONFIG_RENAMED", "the name of the stack or of the source bucket has changed", hint="stop dev and start it again")
        stack.deploy(config)
    except ConfigError as error:
        for problem in error.problems:
            text = f"line {problem.line}: {problem.path}: found {problem.found}, expected {problem.expected}\n    {problem.hint}"
            console.print(f"[red]config[/] {escape(text)}", soft_wrap=True)
        return False
    except HeadraceError as error:
        console.print(f"[red]{error.code}[/] {escape(error.message)}\n    next: {escape(error.hint)}", soft_wrap=True)
        return False
    console.print(f"[green]deployed[/] {escape(str(path))} again")
    return True


def _show_load(console: Console, load: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({name: value for name, value in load.items() if name.islower() and not name.startswith("_")}))
        return
    style = "red" if load["error"] else "yellow" if load["rejected"] else "green"
    ends = " + ".join(f"{name} {load[name]:,}" for name in ("written", "rejected", "filtered", "superseded"))
    counts = f"read {load['read']:,} = {ends}"
    console.print(
        f"[dim]{time.strftime('%H:%M:%S')}[/] [{style}]{load['state']}[/] {escape(printable(object_key(load)))}  {counts}  {load['seconds']} s", soft_wrap=True
    )
    if load["error"]:
        console.print(f"         {load['error']}: {escape(printable(load['message']))}\n         next: {escape(printable(load['hint']))}", soft_wrap=True)
    if load["rejects"]:
        console.print(f"         rejected records: {escape(printable(load['rejects']))}", soft_wrap=True)
