"""The Lambda function: ``headrace.handler.handler``. Its config, ``headrace.json``, lies at the root of the zip."""

from __future__ import annotations

import functools
import gc
import json
import logging
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from headrace.account.outcome import Outcome
from headrace.account.report import note_line, notice_line, report_line
from headrace.aws.session import Aws
from headrace.config import compiled
from headrace.config.model import Config
from headrace.errors import HeadraceError
from headrace.events.own import task_body
from headrace.events.parse import Message, parse
from headrace.ledger.ledger import Ledger
from headrace.ledger.spending import Spending
from headrace.load import Ports
from headrace.loader import Loader
from headrace.ports import Clock, SystemClock, Task
from headrace.transform.hook import load_transform
from headrace.verdicts import Again, GivenUp, Turn, Verdict

MARGIN_S_MAX = 10.0
"""Kept of the invocation's time for ending a load cleanly: half a second and a tenth of the time, at most this."""
RETRY_MAX_S = 900
"""Longest pause before a failed message comes again; the first is a tenth of the function's timeout, and each doubles."""
ACKNOWLEDGED = frozenset(("FOREIGN_BUCKET",))
"""Refused for good. Other refused messages may be events of a kind not known yet: they go to the failed queue."""

logging.getLogger("botocore").setLevel(logging.WARNING)  # Lambda's own set-up logs everything at INFO: two lines per client, in each log stream


def handler(event: object, context: Any) -> dict[str, Any]:
    """Load every object, or chunk of one, that ``event`` names.

    For SQS the answer names the messages to be delivered again (Lambda developer guide, "Implementing partial batch responses",
    2026-11). For other events a failure is raised, so that Lambda repeats the invocation and in the end sends the event to the
    failure destination.
    """
    return _function(context.invoked_function_arn.split(":")[4]).answer(event, context)


@functools.cache
def _function(account: str) -> Function:
    gc.freeze()  # all that was imported stays: the collector would look at it again and again while the first clients are made, for 40 ms
    gc.set_threshold(10_000)  # records make no cycles, but set off a collection after every 700 objects: a twelfth of the time of a load
    config = compiled.carried()
    for route in config.routes:
        if route.transform:
            load_transform(route.transform, route.name)  # one that cannot be imported shows at the deployment's test event, not at the first file
    return Function(config, Aws(owner=account), SystemClock(), _print)


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")  # one write for each line: Lambda takes it as one log event


class Function:
    """What stays warm between invocations."""

    def __init__(self, config: Config, aws: Aws, clock: Clock, log: Callable[[str], None]) -> None:
        self._config = config
        self._aws = aws
        self._clock = clock
        self._print = log
        self._request_id = ""
        self._beside = ""
        table = functools.cache(lambda name: aws.table(name, clock))  # its connections outlive the load, so that a small file pays for no TLS handshake
        ports = Ports(aws.objects(), table, aws.rejects(config.rejects_bucket), clock, share=1 / config.function.maximum_concurrency)
        send = self._send if config.source.trigger == "sqs" else None
        store = aws.ledger(config.ledger_table, clock)
        state = aws.listing(config.source.bucket).state
        self._loader = Loader(config, ports, Ledger(store), Spending(store), state=state, send=send, log=self)

    def answer(self, event: object, context: Any) -> dict[str, Any]:
        """See ``handler``."""
        now, remaining_s = self._clock.monotonic(), context.get_remaining_time_in_millis() / 1000
        turn = Turn(context.aws_request_id, now + remaining_s - min(0.5 + remaining_s / 10, MARGIN_S_MAX), now + remaining_s)
        self._request_id = context.aws_request_id
        self._beside = queues_of(context.invoked_function_arn)
        again: list[dict[str, str]] = []
        for message in parse(event, bucket=self._config.source.bucket):
            match self._ended(message, turn):
                case GivenUp(failure=failure) if message.id is None and message.refused:
                    raise failure  # Lambda sends the event to the failure destination; in a batch without names all messages come again
                case GivenUp(failure=failure) if self._is_kept(_body_of(event, message), failure):
                    pass
                case Again(failure=failure) | GivenUp(failure=failure) if message.id is None:
                    raise failure
                case GivenUp():
                    again.append({"itemIdentifier": str(message.id)})
                case Again() as verdict:
                    self._delay(event, message, verdict)
                    again.append({"itemIdentifier": str(message.id)})
        return {"batchItemFailures": again}

    def outcome(self, outcome: Outcome) -> None:
        """See Log."""
        self._print(report_line(outcome, stack=self._config.name, request_id=self._request_id, now=self._clock.now()))

    def note(self, code: str, reason: str) -> None:
        """See Log."""
        self._print(note_line(code, reason, stack=self._config.name, request_id=self._request_id))

    def notice(self, code: str, reason: str) -> None:
        """See Log."""
        self._print(notice_line(code, reason, stack=self._config.name, request_id=self._request_id, now=self._clock.now()))

    def _ended(self, message: Message, turn: Turn) -> Verdict:
        """As ``_handled``; a failure of the ledger, or a defect there, becomes that of the one message, so that its neighbours in the batch are loaded."""
        try:
            return self._handled(message, turn)
        except HeadraceError as error:
            self.notice(error.code, error.message)
            return Again(error)
        except Exception as error:
            if message.id is None:
                raise
            self.notice("DEFECT", traceback.format_exc(limit=-5))
            return Again(HeadraceError("DEFECT", str(error)))

    def _handled(self, message: Message, turn: Turn) -> Verdict:
        """Act on everything in ``message``. What has to come again comes first: it keeps the message."""
        verdicts: list[Verdict] = []
        for ignored in message.ignored:
            if ignored.code != "TEST_EVENT":
                self.note(ignored.code, ignored.reason)
        for refused in message.refused:
            self.notice(refused.code, refused.reason)
            if refused.code not in ACKNOWLEDGED:
                verdicts.append(GivenUp(HeadraceError(refused.code, refused.reason)))
        verdicts += [self._loader.arrived(ref, turn, message.found_by) for ref in message.created]
        verdicts += [self._loader.task(task, turn) for task in message.tasks]
        verdicts += [self._loader.replay(replay, turn) for replay in message.replays]
        kept = [verdict for verdict in verdicts if verdict is not None]
        return min(kept, key=lambda verdict: isinstance(verdict, GivenUp), default=None)

    def _is_kept(self, body: str, failure: HeadraceError) -> bool:
        """Whether what can never succeed could be put where people look."""
        try:
            self._aws.send_message(self._beside, self._config.failed_queue, body, reason=f"{failure.code}: {failure.message}")
        except HeadraceError as error:
            self.notice(error.code, error.message)
            return False
        return True

    def _delay(self, event: Any, message: Message, verdict: Again) -> None:
        """Have SQS deliver the message again well before its visibility timeout."""
        pause_s = min(self._config.function.timeout_s / 10 * 2 ** min(max(message.receive_count - 1, 0), 20), RETRY_MAX_S)
        try:
            record = _record_of(event, message)
            seconds = pause_s if verdict.seconds is None else min(verdict.seconds, RETRY_MAX_S)
            self._aws.change_visibility(record["eventSourceARN"], record["receiptHandle"], int(seconds))
        except (HeadraceError, KeyError) as error:  # the message comes back after its visibility timeout all the same
            self.notice(getattr(error, "code", "EVENT_MALFORMED"), str(error))

    def _send(self, tasks: Sequence[Task]) -> None:
        self._aws.send_messages(self._beside, self._config.chunks_queue, [task_body(task) for task in tasks], clock=self._clock)


def queues_of(function_arn: str) -> str:
    """What the ARNs of the queues beside a function begin with."""
    _, partition, _, region, account, *_ = function_arn.split(":")
    return f"arn:{partition}:sqs:{region}:{account}"


def _record_of(event: Any, message: Message) -> Any:
    return next(record for record in event["Records"] if record.get("messageId") == message.id)


def _body_of(event: Any, message: Message) -> str:
    """What was delivered: the message's body, or the whole event."""
    return json.dumps(event) if message.id is None else str(_record_of(event, message).get("body", ""))
