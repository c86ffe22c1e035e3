"""The Lambda function: ``headrace.handler.handler``. Its config, ``headrace.json``, lies at the root of the zip."""

from __future__ import annotations

import functools
import logging
import sys
import traceback
from pathlib import Path
from typing import Any

import headrace
from headrace.account.report import note_line, notice_line, report_line
from headrace.aws.session import Aws
from headrace.config import compiled
from headrace.config.match import route_for
from headrace.config.model import Config
from headrace.errors import HeadraceError
from headrace.events.parse import Message, parse
from headrace.load import Ports, load_object
from headrace.ports import Clock, ObjectRef, SystemClock
from headrace.transform.hook import load_transform

MARGIN_S_MAX = 10.0
"""Kept of the invocation's time for ending a load cleanly: half a second and a tenth of the time, at most this."""
RETRY_MAX_S = 900
"""Longest pause before a failed message comes again; the first is a tenth of the function's timeout, and each doubles."""
ACKNOWLEDGED = frozenset(("FOREIGN_BUCKET",))
"""Refused for good. Other refused messages may be events of a kind not known yet: they go to the failed queue."""

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
    for route in config.routes:
        if route.transform:
            load_transform(route.transform, route.name)  # one that cannot be imported shows at the deployment's test event, not at the first file
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
        deadline = self._clock.monotonic() + remaining_s - min(0.5 + remaining_s / 10, MARGIN_S_MAX)
        again: list[dict[str, str]] = []
        for message in parse(event, bucket=self._config.source.bucket):
            failure = self._ended(message, deadline, context.aws_request_id)
            if failure is None:
                continue
            if message.id is None:
                raise failure
            if not self._given_up(event, message, failure):
                again.append({"itemIdentifier": message.id})
        return {"batchItemFailures": again}

    def _ended(self, message: Message, deadline: float, request_id: str) -> HeadraceError | None:
        """As ``_handled``; a defect becomes the failure of the one message that shows it, so that its neighbours in the batch are loaded."""
        try:
            return self._handled(message, deadline, request_id)
        except Exception as error:
            if message.id is None:
                raise
            self._notice("DEFECT", traceback.format_exc(limit=-5), request_id)
            return HeadraceError("DEFECT", str(error))

    def _handled(self, message: Message, deadline: float, request_id: str) -> HeadraceError | None:
        """Act on everything in ``message``; the failure to report for it, if any."""
        failure = None
        for ignored in message.ignored:
            if ignored.code != "TEST_EVENT":
                self._log(note_line(ignored.code, ignored.reason, stack=self._config.name, request_id=request_id))
        for refused in message.refused:
            self._notice(refused.code, refused.reason, request_id)
            if refused.code not in ACKNOWLEDGED:
                failure = HeadraceError(refused.code, refused.reason)
        for ref in message.created:
            ended = self._loaded(ref, deadline, request_id)
            failure = ended if failure is None or (ended and ended.retryable) else failure  # one that may pass keeps the message
        return failure

    def _loaded(self, ref: ObjectRef, deadline: float, request_id: str) -> HeadraceError | None:
        """Load one object and log its outcome."""
        route = route_for(self._config.routes, ref.key)
        if route is None:
            self._notice("NO_ROUTE", f"no route matches {ref}", request_id)
            return None
        outcome = load_object(ref, route, self._config, self._ports, deadline=deadline)
        self._log(report_line(outcome, stack=self._config.name, request_id=request_id, now=self._clock.now()))
        if outcome.state == "LOADED":
            return None
        failure = HeadraceError(outcome.error, f"{outcome.object}: {outcome.message}", hint=outcome.hint)
        failure.retryable = outcome.retryable
        return failure

    def _given_up(self, event: Any, message: Message, failure: HeadraceError) -> bool:
        """Move a message that can never succeed to the failed queue; have SQS deliver any other again well before its visibility timeout."""
        record = next(record for record in event["Records"] if record.get("messageId") == message.id)
        pause_s = min(self._config.function.timeout_s / 10 * 2 ** min(max(message.receive_count - 1, 0), 20), RETRY_MAX_S)
        try:
            if not failure.retryable:
                self._aws.send_message(record["eventSourceARN"], self._config.failed_queue, record["body"], reason=f"{failure.code}: {failure.message}")
                return True
            self._aws.change_visibility(record["eventSourceARN"], record["receiptHandle"], int(pause_s))
        except (HeadraceError, KeyError) as error:  # the message comes back after its visibility timeout all the same
            self._notice(getattr(error, "code", "EVENT_MALFORMED"), str(error), request_id="")
        return False

    def _notice(self, code: str, reason: str, request_id: str) -> None:
        self._log(notice_line(code, reason, stack=self._config.name, request_id=request_id, now=self._clock.now()))
