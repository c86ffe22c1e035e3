"""The Lambda function: ``headrace.handler.handler``. Its config, ``headrace.json``, lies at the root of the zip."""

from __future__ import annotations

import functools
import logging
import sys
from pathlib import Path
from typing import Any

import headrace
from headrace.account.report import notice_line, report_line
from headrace.aws.session import Aws
from headrace.config import compiled
from headrace.config.match import route_for
from headrace.config.model import Config
from headrace.errors import HeadraceError
from headrace.events.parse import Message, parse
from headrace.load import Ports, load_object
from headrace.ports import Clock, ObjectRef, SystemClock

MARGIN_S = 10.0
"""Kept of the invocation's time for ending a load cleanly; a tenth where the function has less than 100 s."""
RETRY_FIRST_S = 30
RETRY_MAX_S = 900
ACKNOWLEDGED = frozenset(("FOREIGN_BUCKET",))
"""Refused for good. Other refused messages may be events of a kind not known yet: they go to the dead-letter queue."""

logging.getLogger("botocore").setLevel(logging.WARNING)  # Lambda's own set-up logs everything at INFO: two lines per client, in each log stream


def handler(event: object, context: Any) -> dict[str, Any]:
    """Load every object that ``event`` names.

    For SQS the answer names the messages to be delivered again (Lambda developer guide, "Implementing partial batch responses",
    2026-11). For other events a failure is raised, so that Lambda repeats the invocation and in the end sends the event to the
    failure destination.
    """
    return _function(context.invoked_function_arn.split(":")[4]).answer(event, context)


@functools.cache
def _function(account: str) -> Function:
    config = compiled.loads((Path(headrace.__file__).parent.parent / "headrace.json").read_text())
    return Function(config, Aws(owner=account), SystemClock(), _print)


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")  # one write for each line: Lambda takes it as one log event


class Function:
    """What stays warm between invocations."""

    def __init__(self, config: Config, aws: Aws, clock: Clock, log: Any) -> None:
        self._config = config
        self._aws = aws
        self._clock = clock
        self._log = log
        table = functools.cache(lambda name: aws.table(name, clock))  # its connections outlive the load, so that a small file pays for no TLS handshake
        self._ports = Ports(aws.objects(), table, aws.rejects(config.rejects_bucket), clock)

    def answer(self, event: object, context: Any) -> dict[str, Any]:
        """See ``handler``."""
        remaining_s = context.get_remaining_time_in_millis() / 1000
        deadline = self._clock.monotonic() + remaining_s - min(MARGIN_S, remaining_s / 10)
        again: list[dict[str, str]] = []
        for message in parse(event, bucket=self._config.source.bucket):
            failure = self._handled(message, deadline, context.aws_request_id)
            if failure is None:
                continue
            if message.id is None:
                raise failure
            again.append({"itemIdentifier": message.id})
            self._deliver_soon(event, message, failure)
        return {"batchItemFailures": again}

    def _handled(self, message: Message, deadline: float, request_id: str) -> HeadraceError | None:
        """Act on everything in ``message``; the failure to report for it, if any."""
        failure = None
        for refused in message.refused:
            self._log(notice_line(refused.code, refused.reason, stack=self._config.name, request_id=request_id, now=self._clock.now()))
            if refused.code not in ACKNOWLEDGED:
                failure = HeadraceError(refused.code, refused.reason)
        for ref in message.created:
            failure = self._loaded(ref, deadline, request_id) or failure
        return failure

    def _loaded(self, ref: ObjectRef, deadline: float, request_id: str) -> HeadraceError | None:
        """Load one object and log its outcome."""
        stamp = {"stack": self._config.name, "request_id": request_id}
        route = route_for(self._config.routes, ref.key)
        if route is None:
            reason = f"no route matches {ref}"
            self._log(notice_line("NO_ROUTE", reason, **stamp, now=self._clock.now()))
            return None
        outcome = load_object(ref, route, self._config, self._ports, deadline=deadline)
        self._log(report_line(outcome, **stamp, now=self._clock.now()))
        if outcome.state == "LOADED":
            return None
        failure = HeadraceError(outcome.error, f"{outcome.object}: {outcome.message}", hint=outcome.hint)
        failure.retryable = outcome.retryable
        return failure

    def _deliver_soon(self, event: Any, message: Message, failure: HeadraceError) -> None:
        """Have SQS deliver ``message`` again well before its visibility timeout; what cannot succeed goes to the dead-letter queue at once."""
        pause_s = min(RETRY_FIRST_S * 2 ** (message.receive_count - 1), RETRY_MAX_S) if failure.retryable else 0
        try:
            self._aws.change_visibility(event["Records"][0]["eventSourceARN"], message.receipt_handle or "", pause_s)
        except HeadraceError as error:  # the message comes back after its visibility timeout all the same
            self._log(notice_line(error.code, error.message, stack=self._config.name, request_id="", now=self._clock.now()))
