"""Rejected records loaded again from this machine, as a generation of its own with a lease."""

from __future__ import annotations

import platform
import sys
import time
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass
from functools import cache

from rich.console import Console

from headrace.account.outcome import Outcome
from headrace.cli import render
from headrace.cli.ledger_access import LedgerAccess
from headrace.cli.ledger_view import count, duration
from headrace.config.match import route_for
from headrace.config.model import Config, Route
from headrace.errors import HeadraceError
from headrace.ledger.entries import Generation
from headrace.ledger.identity import generation_id
from headrace.ledger.spending import Spending
from headrace.load import Ports
from headrace.loader import Loader
from headrace.ports import ItemStore, Replay, SystemClock
from headrace.rejected import LINE_FORMATS, Together, header_of, kept_records, replay_config
from headrace.transform.hook import load_transform
from headrace.verdicts import Again, Turn

LEASE_S = 120.0
"""A replay that dies keeps a newer version waiting so long at most."""


@dataclass(frozen=True)
class ReplayedRecords:
    """The replay as it ended, and how many rejected records could not be part of it."""

    generation: Generation
    left: int


class WakingClock(SystemClock):
    """Goes on while the machine sleeps, so that a laptop that wakes up after its lease has ended writes nothing more."""

    monotonic = staticmethod(time.time)


def replay_rejected(access: LedgerAccess, original: Generation, number: int, console: Console) -> ReplayedRecords:
    """Load the rejected records of ``original`` again. Raises what keeps it from beginning or ending; begun, it can be gone on with."""
    route = _route(access, original)
    objects, clock = access.aws.objects(), WakingClock()
    header = header_of(original.ref, route, access.config, objects, clock)
    config = replay_config(access.config, route, header)
    asked = Replay(original.id, number, "rejected")
    with ExitStack() as opened:
        together = Together(route.encoding, access.aws.rejects(config.rejects_bucket))
        opened.callback(together.close)
        together.add(kept_records(access.ledger, original, objects, clock))
        if not together.records:
            message = f"none of the {together.left:,} rejected records of {original.key} is kept whole and with certain bounds"
            raise HeadraceError("NOTHING_TO_REPLAY", message, hint="correct the file and upload it again")
        render.line(console, f"{together.records:,} rejected records of {original.key} → route {route.name} → table {config.table_name(route.table)}")

        @cache
        def table_of(name: str) -> ItemStore:
            store = access.aws.table(name, clock)
            opened.callback(store.close)
            return store

        ports = Ports(together, table_of, together, clock, share=1 / config.function.maximum_concurrency)
        state = access.aws.listing(original.bucket).state
        loader = Loader(config, ports, access.ledger, Spending(access.store), state=state, send=None, log=_Told(console))
        with redirect_stdout(sys.stderr):  # what a transform prints is no part of the outcome
            _run(loader, asked, config, clock)
        ended = access.ledger.generation(generation_id(original.ref, asked))
        return ReplayedRecords(_checked(ended, together, original), together.left)


def _route(access: LedgerAccess, original: Generation) -> Route:
    """The route by which the records are loaded again, ready to be used. Raises NO_ROUTE, REPLAY_UNSUPPORTED, and what its transform raises."""
    route = route_for(access.config.routes, original.key)
    if route is None:
        raise HeadraceError("NO_ROUTE", f"no route of the config takes {original.key}", hint="correct the `match` of a route, or take the config of its stack")
    if route.format not in LINE_FORMATS:
        message = f"rejected records of the format {route.format} cannot be put together again"
        raise HeadraceError("REPLAY_UNSUPPORTED", message, hint="deploy the corrected config, then `headrace replay --whole`")
    if route.transform:
        sys.path.insert(0, str(access.project))
        with redirect_stdout(sys.stderr):
            load_transform(route.transform, route.name)
    return route


def _run(loader: Loader, asked: Replay, config: Config, clock: SystemClock) -> None:
    """Work in turns, each with a lease of its own, until nothing is left to do. Raises what keeps it from going on."""
    owner = f"headrace replay on {platform.node()}"
    while True:
        now = clock.monotonic()
        match loader.replay(asked, Turn(owner, now + 0.9 * LEASE_S, now + LEASE_S)):
            case None:
                return
            case Again(failure=failure) if failure.code == "INTERRUPTED":
                continue
            case Again(failure=failure, seconds=seconds) if failure.code == "BUSY":
                hint = f"try again in {duration(seconds or 1)}; `headrace status` shows who"
                raise HeadraceError("BUSY", failure.message, hint=hint)
            case verdict:
                hint = verdict.failure.hint or "see the message"
                raise HeadraceError(verdict.failure.code, verdict.failure.message, hint=f"{hint}; then run the command again: it goes on where it was")


def _checked(ended: Generation | None, together: Together, original: Generation) -> Generation:
    """``ended``, which has read exactly the records that were put together, or did not end as LOADED."""
    if ended is None:
        hint = "run the command again"
        raise HeadraceError("REPLAY_NOT_BEGUN", f"the replay of {original.id} did not begin: see the notice above", hint=hint)
    if ended.state == "LOADED" and count(ended, "read") != together.records:
        message = f"{together.records:,} records were put together, {count(ended, 'read'):,} were read"
        raise HeadraceError("REPLAY_INCOMPLETE", message, hint="the config reads them in another way than before: `headrace replay --whole`")
    return ended


class _Told:
    """What the loader tells, on a console."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def outcome(self, outcome: Outcome) -> None:
        render.line(self._console, f"{outcome.read:,} records read, {outcome.written:,} items written, {outcome.rejected:,} rejected again")

    def note(self, code: str, reason: str) -> None:
        render.line(self._console, f"note: {reason} ({code})", style="yellow")

    def notice(self, code: str, reason: str) -> None:
        render.line(self._console, f"warning: {reason} ({code})", style="yellow")
