"""What the demo shows, and the same as data."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from headrace.deploy.template import template
from headrace.local.outcomes import Outcomes, object_key
from headrace.local.stack import LocalStack

ITEMS_SHOWN = 3
LOG_LINES_SHOWN = 6
NEXT = (
    ("dev --config examples/flights/headrace.yaml", "keep this stack running, with a drop folder for your own files"),
    ("preview examples/flights/data/planes.jsonl --config examples/flights/headrace.yaml --route planes", "see the items of a file, without any AWS"),
    ("load FILE --table TABLE --key ID", "load a file of yours into a table that exists, types inferred"),
)


def show_stack(console: Console, stack: LocalStack, problems: list[str]) -> None:
    """The endpoint, what was deployed, and where the emulator differs from the template."""
    package = stack.package
    kinds = Counter(resource["Type"].removeprefix("AWS::") for resource in template(stack.config)["Resources"].values())
    repaired = [gap for gap in stack.gaps if gap.repaired]
    left = [f"{gap.resource}.{gap.property}" for gap in stack.gaps if not gap.repaired]
    rows = [
        ("endpoint", f"[bold]{stack.endpoint_url}[/]  (account {stack.emulator.account_id}, {stack.emulator.region}, IAM enforced)"),
        ("function", f"{stack.deployment.outputs['FunctionName']}: zip of {package.bytes / 1e6:.1f} MB, sha256 {package.sha256[:12]}"),
        ("stack", f"{stack.deployment.stack}: " + ", ".join(f"{kind} × {count}" if count > 1 else kind for kind, count in sorted(kinds.items()))),
        (
            "read back",
            f"{len(stack.gaps)} properties are not as in the template; {len(repaired)} of them, which the emulator's CloudFormation drops, were then set",
        ),
        *(("", f"[yellow]not in force over plain HTTP:[/] {escape(name)}") for name in left),
        *(("[yellow]note[/]", escape(sentence)) for sentence in problems),
    ]
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for label, text in rows:
        grid.add_row(f"  {label}", text)
    console.print()
    console.print(grid)
    console.print()


def collect(stack: LocalStack, outcomes: Outcomes, rejects: list[dict[str, Any]], problems: list[str], seconds: float) -> dict[str, Any]:
    """Everything that the demo has to tell, as plain data."""
    dynamodb = stack.clients("dynamodb")
    tables = {}
    for entry in stack.config.tables:
        name = stack.config.table_name(entry)
        first = dynamodb.scan(TableName=name, Limit=ITEMS_SHOWN)["Items"]
        tables[name] = {"items": int(dynamodb.describe_table(TableName=name)["Table"]["ItemCount"]), "first": first}
    return {
        "endpoint": stack.endpoint_url,
        "gaps": [{"resource": gap.resource, "property": gap.property, "repaired": gap.repaired} for gap in stack.gaps],
        "loads": [{name: value for name, value in load.items() if name.islower() and not name.startswith("_")} for load in outcomes.loads()],
        "rejects": rejects,
        "tables": tables,
        "log": [line for line in _log_lines(stack) if _is_worth_showing(line)],
        "notes": list(problems),
        "seconds": round(seconds, 1),
    }


def _log_lines(stack: LocalStack) -> list[str]:
    """The function's log events as CloudWatch Logs has them, oldest first."""
    events = stack.clients("logs").filter_log_events(logGroupName=stack.deployment.outputs["LogGroupName"])["events"]
    return [event["message"] for event in sorted(events, key=lambda event: event["timestamp"])]


def show(console: Console, summary: dict[str, Any]) -> None:
    """The end of the tour."""
    _show_tables(console, summary["tables"])
    _show_loads(console, summary["loads"])
    _show_rejects(console, summary["rejects"])
    console.print("\n[bold]The function's log[/] (CloudWatch Logs)")
    for line in summary["log"][-LOG_LINES_SHOWN:]:
        console.print(f"  {escape(_short(line))}", style="dim", no_wrap=True, overflow="ellipsis", crop=True)
    console.print(f"\nDone in {summary['seconds']} s; everything was stopped and removed. [bold]Try next:[/]")
    program = "headrace" if shutil.which("headrace") else Path(os.path.relpath(sys.argv[0])).as_posix()  # as it can be typed here
    for command, what in NEXT:
        console.print(f"  [bold cyan]{escape(f'{program} {command}')}[/]\n      {what}", soft_wrap=True)


def _show_tables(console: Console, tables: dict[str, Any]) -> None:
    console.print("\n[bold]The tables[/]")
    for name, content in tables.items():
        console.print(f"  {name}: {content['items']:,} items, for instance")
        for item in content["first"]:
            console.print(f"    {escape(json.dumps(_plain(item)))}", style="dim", no_wrap=True, overflow="ellipsis", crop=True)


def _show_loads(console: Console, loads: list[dict[str, Any]]) -> None:
    console.print("\n[bold]What happened to each object[/]")
    for load in loads:
        style = "red" if load["error"] else "yellow" if load["rejected"] else "green"
        ends = " + ".join(f"{name} {load[name]:,}" for name in ("written", "rejected", "filtered", "superseded"))
        console.print(f"  [{style}]{load['state']}[/] {escape(object_key(load))}  in {load['seconds']:.1f} s {load['error']}", soft_wrap=True)
        console.print(f"         read {load['read']:,} = {ends}", soft_wrap=True)


def _show_rejects(console: Console, rejects: list[dict[str, Any]]) -> None:
    table = Table(title="Rejected records, kept whole in the rejects bucket", title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    for name in ("line", "byte"):
        table.add_column(name, justify="right")
    for name in ("code", "reason"):
        table.add_column(name, overflow="fold")
    for reject in rejects:
        table.add_row(str(reject["line"]), str(reject["byte_offset"]), f"[yellow]{reject['code']}[/]", escape(reject["message"]))
    console.print()
    console.print(table)


def _is_worth_showing(line: str) -> bool:
    return '"state"' in line or '"platform.report"' in line


def _short(line: str) -> str:
    """A log line without what the tables show already."""
    entry = json.loads(line)
    if entry.get("type") != "platform.report":
        return json.dumps({name: value for name, value in entry.items() if name in ("level", "object", "state", "read", "written", "rejected", "rejects")})
    metrics = entry["record"]["metrics"]
    return json.dumps({"type": entry["type"], "status": entry["record"]["status"], **{name: round(value) for name, value in metrics.items()}})


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    """A DynamoDB item as people read it: ``{"S": "x"}`` is "x"."""
    return {name: next(iter(value.values())) for name, value in item.items()}
