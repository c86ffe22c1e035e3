"""``headrace status``: what is loading, how far it is, and what waits."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import click
from rich.console import Console

from headrace.cli import render
from headrace.cli.ledger_access import UNITS_S, LedgerAccess, open_ledger
from headrace.cli.ledger_view import STYLES, count, document, duration, moment, seconds_of, show_table, why
from headrace.cli.options import OpenAws, aws_options, config_option, output_options
from headrace.deploy import services
from headrace.deploy.names import queues
from headrace.errors import HeadraceError
from headrace.ledger.entries import Generation, iso
from headrace.ledger.states import State

OPEN_COUNTED_MAX = 10_000
"""So many open generations are counted; a backlog of more is told as so many and more."""

EPILOG = """\b
Examples:
  headrace status
  headrace status --json --profile staging
  headrace status --endpoint-url http://127.0.0.1:4566

Exit codes: 0 answered; 1 failed; 2 wrong usage or config. What the states mean: docs/operations.md."""


@click.command(epilog=EPILOG)
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, metavar="N", help="Objects to list, the oldest first.")
@config_option
@aws_options
@output_options
def status(*, limit: int, config_path: Path | None, open_aws: OpenAws, as_json: bool) -> int:
    """Say what is loading, how far it is, and what waits for what.

    Reads the ledger of the stack in headrace.yaml: every object version that has not ended, with its state, its chunks, its counts so far, how
    long it has been there, and why it waits. Then the messages in the queues, of which the ledger may know nothing yet.
    """
    access = open_ledger(config_path, open_aws)
    found = Open.of(access, limit)
    depths = list(_depths(access))
    last = next(access.ended(access.now - 7 * UNITS_S["d"]), None)
    if as_json:
        click.echo(json.dumps(_document(access, found, depths, last)))
        return 0
    console = render.stdout()
    _show_open(console, access, found)
    if depths:
        render.table(console, ("queue", "waiting", "in work"), [(each.queue, each.waiting, each.in_work) for each in depths])
    if last:
        render.line(console, f"last ended: {last.state} {last.key}, {moment(last.ended_at)}", style=STYLES.get(last.state, ""))
    return 0


@dataclass(frozen=True)
class Open:
    """What has not ended: the oldest, and how many there are by state, up to a limit."""

    listed: list[Generation]
    states: Counter[State]
    is_all: bool

    @classmethod
    def of(cls, access: LedgerAccess, limit: int) -> Open:
        generations = access.ledger.open()
        listed = list(islice(generations, limit))
        states = Counter(each.state for each in listed)
        states.update(each.state for each in islice(generations, OPEN_COUNTED_MAX - len(listed)))
        return cls(listed, states, next(generations, None) is None)


@dataclass(frozen=True)
class Depth:
    """Messages of a queue: those that wait, and those that a function has taken or that wait for their next try."""

    queue: str
    waiting: int
    in_work: int


def _depths(access: LedgerAccess) -> Iterator[Depth]:
    """The queues that are there, unless that may not be asked."""
    sqs = access.aws.client("sqs")
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    for queue in [*queues(access.config).values(), access.config.failed_queue]:
        try:
            address = services.find(sqs, "get_queue_url", QueueName=queue)
            found = services.find(sqs, "get_queue_attributes", QueueUrl=address["QueueUrl"], AttributeNames=names) if address else None
        except HeadraceError:
            found = None  # a help beside the ledger, not worth failing for
        if found:
            yield Depth(queue, *(int(found["Attributes"][name]) for name in names))


def _show_open(console: Console, access: LedgerAccess, found: Open) -> None:
    name = access.config.name
    if not found.listed:
        render.line(console, f"{name}: nothing is loading and nothing waits", style="green")
        return
    more = "" if found.is_all else " and more"
    sums = ", ".join(f"{number:,} {state}" for state, number in found.states.most_common())
    oldest = duration(access.now - seconds_of(found.listed[0].received_at))
    render.line(console, f"{name}: {sums}{more}; the oldest has been there for {oldest}", style="bold")
    headings = ("state", "object", "route", "chunks", "bytes", "read", "written", "rejected", "items/s", "for")
    rows = [_row(each, access.now) for each in found.listed]
    show_table(console, headings, loads=found.listed, rows=rows, reasons=[_reason(each, access.now) for each in found.listed])
    left = found.states.total() - len(found.listed)
    if left:
        render.line(console, f"and {'' if found.is_all else 'at least '}{left:,} more: --limit N lists more")


def _row(each: Generation, now: float) -> tuple[object, ...]:
    rate = _rate(each, now)
    counted = [count(each, name) for name in ("read", "written", "rejected")]
    return (
        each.state,
        each.key,
        each.route,
        f"{each.chunks_done}/{each.chunks}",
        f"{100 * each.bytes // each.size} %" if each.size and each.bytes <= each.size else "",
        *counted,
        "" if rate is None else round(rate),
        duration(now - seconds_of(each.received_at)),
    )


def _rate(each: Generation, now: float) -> float | None:
    """Items written per second since the object was received, where any are."""
    seconds, written = now - seconds_of(each.received_at), count(each, "written")
    return written / seconds if written and seconds > 0 else None


def _reason(each: Generation, now: float) -> str:
    """Why it is not at its end yet."""
    if each.code:
        return why(each)
    if each.records == "rejected":
        return f"a replay on somebody's machine; `headrace replay {each.id}` goes on with it"
    if each.leases and each.leased_until > now:
        return f"{each.leases} at work, at most until {moment(iso(each.leased_until))}"
    if each.state == "RECEIVED":
        return "waits for the workers of an older version"
    return "nobody is at work: its messages wait, or come again"


def _document(access: LedgerAccess, found: Open, depths: list[Depth], last: Generation | None) -> dict[str, object]:
    open_ = [document(each) | {"items_per_s": _rate(each, access.now), "why": _reason(each, access.now)} for each in found.listed]
    return {
        "stack": access.config.name,
        "now": iso(access.now),
        "states": dict(found.states),
        "is_all_counted": found.is_all,
        "open": open_,
        "queues": [vars(each) for each in depths],
        "last_ended": document(last) if last else None,
    }
