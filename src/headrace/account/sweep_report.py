"""What a run of the sweeper did: one line of JSON that is also its metrics."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal, NamedTuple

from headrace.account.report import NAMESPACE


@dataclass
class Swept:
    """Counts of one run. ``oldest_waiting_s`` is the age of the oldest object that has not ended, those in the archive left out."""

    listed: int = 0
    found: int = 0
    open: int = 0
    revived: int = 0
    finished: int = 0
    oldest_waiting_s: int = 0
    seconds: float = 0.0
    is_pass_over: bool = False
    """Whether the end of the bucket was reached; otherwise the next run goes on."""
    error: str = ""
    message: str = ""


class SweepMetric(NamedTuple):
    """One metric, and the member of Swept that it is."""

    name: str
    unit: Literal["Count", "Seconds"]
    member: str
    meaning: str
    action: str


SWEEP_METRICS = (
    SweepMetric("ObjectsListed", "Count", "listed", "Objects of the source bucket that the sweeper looked at.", "None."),
    SweepMetric(
        "ObjectsFoundBySweep",
        "Count",
        "found",
        "Objects that the ledger did not know 15 minutes after they came: no event told of them. They are loaded now.",
        "If it stays above zero, see whether the bucket's notification is still there: `headrace deploy` puts it back.",
    ),
    SweepMetric("ObjectsOpen", "Count", "open", "Objects that are waiting or being loaded.", "None; see OldestWaitingSeconds."),
    SweepMetric(
        "ChunksRevived",
        "Count",
        "revived",
        "Messages that were sent again because nobody had worked on an object, or on a part of one, for long.",
        "A few are what a crash leaves behind. Many: read the function's log for what stops it.",
    ),
    SweepMetric("ObjectsFinished", "Count", "finished", "Objects all of whose parts were done, and that nobody had ended.", "None."),
    SweepMetric(
        "OldestWaitingSeconds",
        "Seconds",
        "oldest_waiting_s",
        "Age of the oldest object that has not ended, those that wait for their restore left out.",
        "Run `headrace status`: it says what stops the object, such as BLOCKED with the missing permission.",
    ),
)


def sweep_line(swept: Swept, *, stack: str, request_id: str, now: float) -> str:
    """The line of one run, ASCII without a line end; ``now`` in seconds since the epoch."""
    definitions = [{"Name": metric.name, "Unit": metric.unit} for metric in SWEEP_METRICS]
    directive = {"Namespace": NAMESPACE, "Dimensions": [["Stack"]], "Metrics": definitions}
    fields = {
        "level": "ERROR" if swept.error else "INFO",
        "request_id": request_id,
        "sweep": asdict(swept),
        "Stack": stack,
        **{metric.name: getattr(swept, metric.member) for metric in SWEEP_METRICS},
        "_aws": {"Timestamp": int(now * 1000), "CloudWatchMetrics": [directive]},
    }
    return json.dumps(fields, allow_nan=False, separators=(",", ":"))
