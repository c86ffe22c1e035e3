"""Generations of the ledger, for people and as data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime

from rich.console import Console

from headrace.cli import render
from headrace.ledger.entries import Generation, iso
from headrace.ledger.ledger import Ledger
from headrace.ledger.states import State

ENDS = ("written", "rejected", "filtered", "superseded")
STYLES: dict[State, str] = {
    "LOADED": "green",
    "FAILED": "red",
    "PARTIAL": "red",
    "BLOCKED": "red",
    "MISSING": "yellow",
    "WAITING_RESTORE": "yellow",
    "PAUSED": "yellow",
}


def count(generation: Generation, name: str) -> int:
    """A count of records by its name."""
    return int(generation.counts.get(name, 0))


def counts(generation: Generation) -> list[int]:
    """Records read, and their ends in the order of ENDS."""
    return [count(generation, name) for name in ("read", *ENDS)]


def equation(generation: Generation) -> str:
    """``read 10 = written 9 + rejected 1 + filtered 0 + superseded 0``."""
    return f"read {count(generation, 'read'):,} = " + " + ".join(f"{name} {count(generation, name):,}" for name in ENDS)


def is_lower_bound(generation: Generation) -> bool:
    """Whether more may have been read and written than was counted: it ended while somebody was at work on it, who committed no more."""
    return generation.state in ("FAILED", "SUPERSEDED", "MISSING") and generation.leased_until > 0


def moment(text: str | None) -> str:
    """A time of the ledger as people write it."""
    return (text or "").replace("T", " ").removesuffix("Z")


def duration(seconds: float) -> str:
    """``45 s``, ``12 min``, ``3 h`` or ``2 d``."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{math.floor(seconds / size)} {unit}"
    return f"{max(0, math.floor(seconds))} s"


def why(generation: Generation) -> str:
    """Code, message and hint of a generation that did not end well, or waits."""
    if generation.state == "PARTIAL" and not generation.code:
        return "TOO_MANY_REJECTS: it stopped at the route's limit of rejected records; next: headrace errors KEY"
    if not generation.code:
        return ""
    message = (generation.message or "").removeprefix(f"{generation.ref}: ")
    return f"{generation.code}: {message}" + (f"; next: {generation.hint}" if generation.hint else "")


def origin(generation: Generation) -> str:
    """How it was found: ``event``, ``sweep``, ``replay`` of which."""
    what = "rejected records of " if generation.records == "rejected" else ""
    return f"replay of {what}{generation.replay_of}" if generation.replay_of else generation.found_by


def document(generation: Generation) -> dict[str, object]:
    """All that the ledger knows of it, counts among it by name; ``is_lower_bound`` about these."""
    lease = iso(generation.leased_until) if generation.leases else None
    return (
        asdict(generation)
        | {"object": f"s3://{generation.bucket}/{generation.key}", "leased_until": lease, "counts": dict(generation.counts)}
        | {"is_lower_bound": is_lower_bound(generation)}
    )


def took(generation: Generation) -> str:
    """From its arrival to its end."""
    return duration(seconds_of(generation.ended_at) - seconds_of(generation.received_at)) if generation.ended_at else ""


def seconds_of(text: str | None) -> float:
    """A time of the ledger in seconds since the epoch."""
    return datetime.fromisoformat(text).timestamp() if text else 0.0


def rejected_replay(ledger: Ledger, generation: Generation) -> Generation | None:
    """The last replay of the rejected records of ``generation``, if there is one."""
    return max(replays(ledger, generation, "rejected"), key=lambda each: each.replay_number, default=None)


def replays(ledger: Ledger, generation: Generation, records: str) -> list[Generation]:
    """The replays of ``generation``, in no order."""
    return [each for each in ledger.of_object(generation.bucket, generation.key) if each.replay_of == generation.id and each.records == records]


def show_table(console: Console, headings: Sequence[str], *, loads: Sequence[Generation], rows: Sequence[Sequence[object]], reasons: Sequence[str]) -> None:
    """A row for each load; the reasons, which are long, below the table on a terminal, and in its last column in a pipe."""
    if not console.is_terminal:
        render.table(console, (*headings, "why"), [(*row, reason) for row, reason in zip(rows, reasons, strict=True)])
        return
    render.table(console, headings, rows, styles=[STYLES.get(each.state, "") for each in loads])
    for each, reason in zip(loads, reasons, strict=True):
        if reason:
            render.line(console, f"{each.key}: {reason}", style=STYLES.get(each.state, ""))


def show_details(console: Console, generations: Iterable[Generation]) -> None:
    """All about each generation, a block of lines for each."""
    shown = list(generations)
    for each in shown:
        render.line(console, f"{each.state}  {moment(each.ended_at or each.received_at)}  s3://{each.bucket}/{each.key}", style=STYLES.get(each.state, ""))
        pin = f"version {each.version_id}" if each.version_id else f"eTag {each.etag}"
        size = f", {each.size:,} bytes" if each.size is not None else ""
        render.line(console, f"  generation {each.id}, {pin}{size}, route {each.route}, table {each.table}")
        ended = f", ended {moment(each.ended_at)}" if each.ended_at else ""
        again = f", opened again: {each.reopened}" if each.reopened else ""
        copies = f", repeated events: {each.duplicates}" if each.duplicates else ""
        render.line(console, f"  found by {origin(each)}, received {moment(each.received_at)}{ended}{copies}{again}")
        least = "; at least: it ended before all was counted" if is_lower_bound(each) else ""
        render.line(console, f"  chunks {each.chunks_done} of {each.chunks} done; {equation(each)}{least}")
        if reason := why(each):
            render.line(console, f"  {reason}", style="yellow")
        for replay in shown:
            if replay.replay_of == each.id:
                what = "its rejected records were" if replay.records == "rejected" else "it was"
                render.line(console, f"  {what} replayed as {replay.id}: {replay.state}, {equation(replay)}", style="cyan")
