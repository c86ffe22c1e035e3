"""The sweeper's Lambda function: ``headrace.sweep_handler.sweep``, from the same zip as the one that loads."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any

from headrace.account.sweep_report import Swept, sweep_line
from headrace.aws.session import Aws
from headrace.config import compiled
from headrace.config.model import Config
from headrace.handler import queues_of
from headrace.ledger.ledger import Ledger
from headrace.ledger.upkeep import Upkeep
from headrace.ports import Clock, SystemClock
from headrace.sweeper import Messages, Sources, Sweeper

MARGIN_S = 20.0
"""Kept of the time of a run for the page that is being looked through."""


def sweep(event: object, context: Any) -> None:
    """One run of the sweeper, whatever ``event`` says. A failure is raised; the next run goes on where this one stopped."""
    _sweeping(context.invoked_function_arn)(context)


@functools.cache
def _sweeping(function_arn: str) -> Callable[[Any], None]:
    """What stays warm between runs: called with the context of one, it sweeps."""
    config, aws, clock = compiled.carried(), Aws(owner=function_arn.split(":")[4]), SystemClock()
    store = aws.ledger(config.ledger_table, clock)
    messages: Messages = Queues(aws, queues_of(function_arn), config, clock)
    if config.source.trigger == "direct":
        messages = Invocations(aws, function_arn.replace(config.sweeper_function, config.loader_function))
    sweeper = Sweeper(config, Sources(aws.listing(config.source.bucket), Ledger(store), Upkeep(store), messages, clock))

    def run(context: Any) -> None:
        def told(swept: Swept) -> None:
            sys.stdout.write(sweep_line(swept, stack=config.name, request_id=context.aws_request_id, now=clock.now()) + "\n")

        deadline = clock.monotonic() + context.get_remaining_time_in_millis() / 1000 - MARGIN_S
        sweeper.run(deadline, told)

    return run


class Queues:
    """The loading function's queues, as Messages."""

    def __init__(self, aws: Aws, beside: str, config: Config, clock: Clock) -> None:
        self._aws = aws
        self._beside = beside
        self._config = config
        self._clock = clock

    def send_found(self, bodies: Sequence[str]) -> None:
        self._aws.send_messages(self._beside, self._config.events_queue, bodies, clock=self._clock)

    def send_tasks(self, bodies: Sequence[str]) -> None:
        self._aws.send_messages(self._beside, self._config.chunks_queue, bodies, clock=self._clock)


class Invocations:
    """Invocations of the loading function, as Messages: where the bucket invokes it, so does the sweeper, and failures end in the same queue."""

    def __init__(self, aws: Aws, function_arn: str) -> None:
        self._aws = aws
        self._function_arn = function_arn

    def send_found(self, bodies: Sequence[str]) -> None:
        for body in bodies:
            self._aws.invoke_later(self._function_arn, body)

    send_tasks = send_found
