"""One line of JSON per load: at once the log entry for people and the metrics for CloudWatch.

CloudWatch's embedded metric format (EMF) takes the metrics out of a log line and leaves all other members alone, so a second
line would only cost more (CloudWatch user guide, CloudWatch_Embedded_Metric_Format_Specification, 2026-11).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from headrace.account.outcome import Outcome

NAMESPACE = "headrace"
"""Of all metrics."""


@dataclass(frozen=True)
class Metric:
    """One metric: its name and unit in CloudWatch, what it counts in one load, what it means and what to do about it."""

    name: str
    unit: Literal["Count", "Bytes", "Seconds"]
    value: Callable[[Outcome], float]
    meaning: str
    action: str


METRICS = (
    Metric(
        "RecordsRead",
        "Count",
        lambda outcome: outcome.read,
        "Records decoded from objects. Always written + rejected + filtered + superseded, unless the load failed.",
        "None. If it stays at zero while files arrive, see whether a route matches their keys.",
    ),
    Metric(
        "RecordsWritten",
        "Count",
        lambda outcome: outcome.written,
        "Items put into or deleted from the table and acknowledged by it.",
        "None. It is the useful work; compare it with RecordsRead.",
    ),
    Metric(
        "RecordsRejected",
        "Count",
        lambda outcome: outcome.rejected,
        "Records that did not become items. Each is kept with its line, byte offset, column and reason.",
        "Read the file named by `rejects` in the log line, correct the source or the route, load the records again.",
    ),
    Metric(
        "RecordsFiltered",
        "Count",
        lambda outcome: outcome.filtered,
        "Records that the route's transform left out on purpose.",
        "None, unless the share changes: then the source or the transform has changed.",
    ),
    Metric(
        "RecordsSuperseded",
        "Count",
        lambda outcome: outcome.superseded,
        "Records that another item of their key keeps out: a later record of the object or, with insert_only and newer_wins, what is in the table.",
        "If it is not expected, the key of the route does not tell the records apart.",
    ),
    Metric(
        "BytesRead",
        "Bytes",
        lambda outcome: outcome.bytes,
        "Bytes read of objects as stored, before decompression.",
        "None. Together with LoadSeconds it tells the speed.",
    ),
    Metric(
        "LoadSeconds",
        "Seconds",
        lambda outcome: outcome.seconds,
        "Time from opening an object to its end.",
        "Near the function's timeout: split the files, give the function more memory or the table more throughput.",
    ),
    Metric(
        "WriteUnits",
        "Count",
        lambda outcome: outcome.write_units,
        "Write units that the table said it consumed, indexes included. It is most of the bill.",
        "To lower it: smaller items, fewer indexes, no records that change nothing.",
    ),
    Metric(
        "ItemsUnprocessed",
        "Count",
        lambda outcome: outcome.unprocessed,
        "Items that the table handed back and that were sent again. Nothing is lost.",
        "If it stays high, the table is the limit: look for a hot key, raise its throughput or lower `maximum_concurrency`.",
    ),
    Metric(
        "CallsThrottled",
        "Count",
        lambda outcome: sum(outcome.throttles.values()),
        "Calls that the table throttled, wholly or in part, whatever the reason. They are repeated, and nothing is lost.",
        "See which of the following it was; where it was none of them, the table's own capacity is the limit: raise it, or set `max_write_units_per_s`.",
    ),
    Metric(
        "CallsThrottledByHotKey",
        "Count",
        lambda outcome: outcome.throttles.get("hot_key", 0),
        "Calls throttled because too many writes go to one partition key.",
        "More capacity does not help. Spread the partition key, or sort the file by another column.",
    ),
    Metric(
        "CallsThrottledByOwnCap",
        "Count",
        lambda outcome: outcome.throttles.get("own_cap", 0),
        "Calls throttled by the table's own MaxWriteRequestUnits.",
        "Raise it, or set `max_write_units_per_s` to it, so that nothing is sent in vain.",
    ),
    Metric(
        "CallsThrottledByAccount",
        "Count",
        lambda outcome: outcome.throttles.get("account", 0),
        "Calls throttled by the account's quota for the table.",
        "Ask for a higher quota (Service Quotas), or set `max_write_units_per_s`.",
    ),
    Metric(
        "CallsThrottledByIndex",
        "Count",
        lambda outcome: outcome.throttles.get("index", 0),
        "Calls throttled because an index has less capacity than the writes need.",
        "Raise the index's capacity, or drop the index.",
    ),
    Metric(
        "LoadsFailed",
        "Count",
        lambda outcome: int(outcome.state in ("FAILED", "PARTIAL")),
        "Loads that ended without the whole object in the table: 1 or 0 for each load.",
        "Read `error`, `message` and `hint` in the log line. If `retryable` is true, the event comes again by itself.",
    ),
)
"""Every metric, in the order of the reference page."""


def report_line(outcome: Outcome, *, stack: str, request_id: str, now: float) -> str:
    """The line for one load, ASCII without a line end: level, all fields of ``outcome`` and METRICS for the stack and for its route.

    ``now`` is in seconds since the epoch. An outcome without a route counts for the stack only: a dimension cannot be empty.
    """
    dimensions = [["Stack"], ["Stack", "Route"]] if outcome.route else [["Stack"]]
    definitions = [{"Name": metric.name, "Unit": metric.unit} for metric in METRICS]
    directive = {"Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": definitions}
    fields = {
        "level": _level(outcome),
        "request_id": request_id,
        **outcome.as_json(),
        "Stack": stack,
        "Route": outcome.route,
        **{metric.name: metric.value(outcome) for metric in METRICS},
        "_aws": {"Timestamp": int(now * 1000), "CloudWatchMetrics": [directive]},
    }
    return json.dumps(fields, allow_nan=False, separators=(",", ":"))


def note_line(code: str, reason: str, *, stack: str, request_id: str) -> str:
    """The line for an event that rightly names nothing to load; no metric."""
    return json.dumps({"level": "INFO", "request_id": request_id, "note": code, "message": reason, "Stack": stack}, separators=(",", ":"))


def notice_line(code: str, reason: str, *, stack: str, request_id: str, now: float) -> str:
    """The line for what is not a load: an event that was refused, or that no route takes. Counted as ``EventsRefused`` for the stack."""
    directive = {"Namespace": NAMESPACE, "Dimensions": [["Stack"]], "Metrics": [{"Name": "EventsRefused", "Unit": "Count"}]}
    fields = {"level": "WARN", "request_id": request_id, "error": code, "message": reason, "Stack": stack, "EventsRefused": 1}
    return json.dumps({**fields, "_aws": {"Timestamp": int(now * 1000), "CloudWatchMetrics": [directive]}}, separators=(",", ":"))


def _level(outcome: Outcome) -> str:
    if outcome.state in ("FAILED", "PARTIAL"):
        return "ERROR"
    return "WARN" if outcome.rejected else "INFO"
