"""Messages of which the queue takes only some."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from contracts.virtual_clock import VirtualClock
from headrace.aws.session import SEND_PAUSE_S, SEND_TRIES_MAX, Aws
from headrace.errors import Unavailable

BESIDE = "arn:aws:sqs:eu-west-1:111122223333"


class Choosy(Aws):
    """A queue that takes no body in ``refused``, so often."""

    def __init__(self, clock: VirtualClock, refused: dict[str, int]) -> None:
        super().__init__(region="eu-west-1")
        meta = SimpleNamespace(endpoint_url="https://sqs.eu-west-1.amazonaws.com")
        self.taken: list[str] = []
        self.asked_at: list[float] = []
        self._clock = clock
        self._refused = refused
        self.queue = SimpleNamespace(meta=meta, send_message=lambda **_: {}, send_message_batch=self.send_message_batch)

    def client(self, service: str, *, attempts: int = 4) -> Any:
        return self.queue

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, str]]) -> dict[str, Any]:
        self.asked_at.append(self._clock.monotonic())
        answer: dict[str, Any] = {"Successful": [], "Failed": []}
        for entry in Entries:
            body = entry["MessageBody"]
            is_refused = self._refused.get(body, 0) > 0
            self._refused[body] = self._refused.get(body, 0) - 1
            self.taken += [] if is_refused else [body]
            answer["Failed" if is_refused else "Successful"].append({"Id": entry["Id"]})
        return answer


def test_entries_that_a_queue_does_not_take_are_sent_again_after_a_pause_and_no_others() -> None:
    """Each body is there once."""
    clock = VirtualClock()
    queue = Choosy(clock, {"3": 2, "15": 1})
    queue.send_messages(BESIDE, "chunks", [str(number) for number in range(25)], clock=clock)
    assert sorted(queue.taken, key=int) == [str(number) for number in range(25)]
    assert len(queue.asked_at) == 5
    assert len(clock.slept) == 2


def test_message_that_something_else_took_is_not_taken_for_kept() -> None:
    """It would be deleted where it came from. botocore makes an empty answer of a web page."""
    queue = Choosy(VirtualClock(), {})
    with pytest.raises(Unavailable, match="no MessageId"):
        queue.send_message(BESIDE, "failed", "x", reason="y")


def test_queue_that_takes_nothing_is_asked_five_times_with_pauses_and_then_another_day() -> None:
    """It may be throttled: what hammers it makes that worse. The pauses are random, and end."""
    clock = VirtualClock()
    queue = Choosy(clock, {"x": 99})
    with pytest.raises(Unavailable, match="1 of 1 messages were not taken"):
        queue.send_messages(BESIDE, "chunks", ["x"], clock=clock)
    assert len(queue.asked_at) == SEND_TRIES_MAX
    assert all(one < other for one, other in pairwise(queue.asked_at))
    assert sum(clock.slept) <= 15 * SEND_PAUSE_S
