"""``headrace history``: what was loaded when, with which counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import cast

import click

from headrace.cli import render
from headrace.cli.failure import usage
from headrace.cli.ledger_access import LedgerAccess, Since, open_ledger, since_option
from headrace.cli.ledger_view import ENDS, counts, document, is_lower_bound, moment, show_details, show_table, took, why
from headrace.cli.options import OpenAws, aws_options, config_option, output_options
from headrace.config.model import Config
from headrace.config.paths import listed, nearest_hint
from headrace.ledger.entries import Generation
from headrace.ledger.states import FINAL, STATES, State

EPILOG = """\b
Examples:
  headrace history
  headrace history --since 2026-11-01 --route orders --state FAILED --state PARTIAL
  headrace history --object incoming/orders/2024.csv
  headrace history --since 1d --json

Exit codes: 0 answered; 1 failed; 2 wrong usage or config. What the states mean: docs/operations.md."""


@click.command(epilog=EPILOG)
@click.option("--object", "name", metavar="KEY", help="All versions and replays of one object, in detail: its key, or s3://bucket/key.")
@click.option("--route", metavar="NAME", help="Only loads by this route.")
@click.option("--state", "states", multiple=True, type=click.Choice(STATES, case_sensitive=False), help="Only this state. May be repeated.")
@since_option
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, metavar="N", help="Loads to list.")
@config_option
@aws_options
@output_options
def history(
    *,
    name: str | None,
    route: str | None,
    states: tuple[str, ...],
    since: Since,
    limit: int,
    config_path: Path | None,
    open_aws: OpenAws,
    as_json: bool,
) -> int:
    """List what was loaded when, with the counts of each load, the last first.

    Reads the ledger of the stack in headrace.yaml. Without --state these are loads that ended, --state LOADING and the like list open ones. An
    object that was replaced or replayed has one load for each version and each replay.
    """
    access = open_ledger(config_path, open_aws)
    if route:
        require_route(access.config, route)
    wanted = cast("set[State]", set(states))
    found = _of_object(access, name) if name else _of_time(access, since.seconds(access.now), wanted)
    matching = (each for each in found if (not route or each.route == route) and (not wanted or each.state in wanted))
    shown = list(islice(matching, limit))
    is_all = next(matching, None) is None
    if as_json:
        click.echo(json.dumps({"stack": access.config.name, "loads": [document(each) for each in shown], "is_all": is_all}))
        return 0
    if name:
        show_details(render.stdout(), shown)
    else:
        _show(shown)
    if not shown:
        render.line(render.stdout(), "no load of this kind" + ("" if name else f" since {since.text}; --since looks further back"))
    if not is_all:
        render.line(render.stdout(), f"and more: --limit N lists more than {limit}")
    return 0


def require_route(config: Config, name: str) -> None:
    """Raise USAGE for a route that the config does not have."""
    names = [route.name for route in config.routes]
    if name not in names:
        raise usage(f"--route: found {name!r}, expected {listed(names)}", nearest_hint(name, names, "name one of these"))


def _of_object(access: LedgerAccess, name: str) -> Iterator[Generation]:
    key = access.key(name)
    found = access.ledger.of_object(access.config.source.bucket, key)
    first = next(found, None)
    if first is None:
        raise access.unknown(key)
    yield first
    yield from found


def _of_time(access: LedgerAccess, since: float, wanted: set[State]) -> Iterator[Generation]:
    """Open ones if they are wanted, then those that ended."""
    if wanted - FINAL:
        yield from access.ledger.open()
    if not wanted or wanted & FINAL:
        yield from access.ended(since)


def _show(shown: list[Generation]) -> None:
    if shown:
        headings = ("ended", "state", "object", "route", "read", *ENDS, "took", "found by")
        rows = [(moment(each.ended_at), each.state, each.key, each.route, *counts(each), took(each), each.found_by) for each in shown]
        show_table(render.stdout(), headings, loads=shown, rows=rows, reasons=[_about(each) for each in shown])


def _about(generation: Generation) -> str:
    """Why it did not end well, and what its counts leave out."""
    return "; ".join(filter(None, [why(generation), "at least so many: it ended before all was counted" if is_lower_bound(generation) else ""]))
