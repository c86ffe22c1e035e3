"""One CloudWatch log stream: what one sandbox writes."""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from headrace.local.function_spec import FunctionSpec
from headrace.local.metrics import Metrics

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html, 2026-11-22
EVENT_OVERHEAD_BYTES = 26
EVENT_BYTES_MAX = 1_000_000
BATCH_BYTES_MAX = 1_048_576
BATCH_EVENTS_MAX = 10_000
FLUSH_EVERY_S = 1.0
FLUSH_EVENTS = 1000
FLUSH_MESSAGE = 65_536  # characters: a longer one does not wait for company

REMOVALS_MAX = 20  # at a time: 10 ms each
EMULATOR_STREAM = re.compile(r"\d{4}/\d\d/\d\d/\[[^\]]+\][0-9a-f]{32}")


class FunctionLog:
    """Sends log events to CloudWatch Logs as the function's role, as Lambda does: without the permission nothing arrives there.

    ``client`` makes the CloudWatch Logs client of the role when there is something to send. ``tell`` gets a sentence when sending
    fails; the events are then gone, except for ``on_log``, which has got (function name, request id, text) of each before.
    """

    def __init__(
        self, spec: FunctionSpec, client: Callable[[], Any], *, metrics: Metrics, on_log: Callable[[str, str, str], None], tell: Callable[[str], None]
    ) -> None:
        self.stream = f"{datetime.now(UTC):%Y/%m/%d}/[{spec.version}]{uuid.uuid4().hex}"
        self._spec = spec
        self._client = client
        self._metrics = metrics
        self._on_log = on_log
        self._tell = tell
        self._is_created = False
        self._events: list[dict[str, Any]] = []
        self._flushed_at = time.monotonic()
        self._events_lock = threading.Lock()
        self._sending = threading.Lock()

    def write(self, request_id: str, text: str) -> None:
        """Take one log event; sends what has gathered about once a second."""
        self._on_log(self._spec.name, request_id, text)
        self._metrics.read_line(self._spec.name, text)
        message = text.encode("utf-8", "replace")[:EVENT_BYTES_MAX].decode("utf-8", "ignore")
        with self._events_lock:
            self._events.append({"timestamp": int(time.time() * 1000), "message": message})
            is_due = len(self._events) >= FLUSH_EVENTS or len(message) > FLUSH_MESSAGE or time.monotonic() > self._flushed_at + FLUSH_EVERY_S
        if is_due:
            self.flush()

    def flush(self) -> None:
        """Send what has gathered."""
        with self._sending:
            with self._events_lock:
                events, self._events = sorted(self._events, key=lambda event: int(event["timestamp"])), []
                self._flushed_at = time.monotonic()
            if not events:
                return
            try:
                self._send(self._client(), events)
            except Exception as error:  # whatever the client raises: the function has done its work
                self._tell(
                    f"log lines of {self._spec.name} did not reach CloudWatch Logs: {error}. "
                    "Lambda writes them as the function's role, which needs logs:CreateLogStream and logs:PutLogEvents."
                )

    def _send(self, client: Any, events: list[dict[str, Any]]) -> None:
        place = {"logGroupName": self._spec.log_group, "logStreamName": self.stream}
        if not self._is_created:
            try:
                client.create_log_stream(**place)
            except client.exceptions.ResourceNotFoundException:
                client.create_log_group(logGroupName=self._spec.log_group)
                client.create_log_stream(**place)
            self._is_created = True
        for batch in _batches(events):
            client.put_log_events(**place, logEvents=batch)


def _batches(events: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    batch_bytes = 0
    for event in events:
        size = len(event["message"].encode()) + EVENT_OVERHEAD_BYTES
        if batch and (batch_bytes + size > BATCH_BYTES_MAX or len(batch) == BATCH_EVENTS_MAX):
            yield batch
            batch, batch_bytes = [], 0
        batch.append(event)
        batch_bytes += size
    yield batch


def remove_emulator_streams(client: Any, log_group: str, request_ids: set[str], own: set[str]) -> set[str]:
    """Delete some of the streams that MiniStack 1.5.33 itself writes about the invocations ``request_ids``; returns whose.

    It knows neither the output nor the true duration of an invocation that the function host runs, yet makes a stream of START,
    END and REPORT for each. ``own`` are the names of the host's streams.
    """
    removed: set[str] = set()
    try:
        pages = client.get_paginator("describe_log_streams").paginate(logGroupName=log_group)
        names = [stream["logStreamName"] for page in pages for stream in page["logStreams"]]
        for name in [name for name in names if name not in own and EMULATOR_STREAM.fullmatch(name)][:REMOVALS_MAX]:
            events = client.get_log_events(logGroupName=log_group, logStreamName=name, startFromHead=True, limit=4)["events"]
            request_id = events[0]["message"].split(" ")[2] if len(events) == 3 and events[0]["message"].startswith("START ") else ""
            if request_id in request_ids:
                client.delete_log_stream(logGroupName=log_group, logStreamName=name)
                removed.add(request_id)
    except client.exceptions.ResourceNotFoundException:
        pass  # the group does not exist yet, or somebody else deletes too
    return removed
