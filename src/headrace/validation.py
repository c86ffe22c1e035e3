"""All of an object read and encoded before the first record of it is written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from headrace.account.outcome import Counts, Outcome
from headrace.config.model import Config, Route
from headrace.load import Ports, load_object
from headrace.ports import ObjectRef
from headrace.write.batch import Entry


def validate_object(ref: ObjectRef, route: Route, config: Config, ports: Ports, *, deadline: float = math.inf) -> Outcome:
    """Read and encode the whole object and write nothing; FAILED where it has more rejected records than the route allows."""
    outcome = load_object(ref, route, config, ports, deadline=deadline, open_sink=lambda counts, refused: Nowhere(counts))
    if outcome.state == "PARTIAL":
        return replace(outcome, state="FAILED", written=0, message=f"{outcome.message}; nothing was written")
    return outcome


class Nowhere:
    """A sink that takes everything."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def write(self, entries: Sequence[Entry]) -> None:
        self._counts.written += len(entries)

    def finish(self) -> None:
        """Nothing is under way."""

    def close(self) -> None:
        """Nothing is open."""
