"""headrace's ItemStore behind a proxy that does what engines do not: throttle, fail, cut, lie."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from contracts.calls import call
from contracts.engines import Engine
from headrace.account.outcome import Counts
from headrace.encode.key import identity_of
from headrace.errors import Denied, HeadraceError, Invalid, ServiceError, Throttled, ThrottlingReason, Unavailable
from headrace.local.fault_actions import answered, cut, cut_body, failing, unprocessed
from headrace.local.fault_exchange import Exchange
from headrace.local.fault_proxy import Action, Rule
from headrace.ports import SystemClock
from headrace.record import Block
from headrace.write import pace
from headrace.write.writer import Writer
from servers.recorded import RecordedProxy

PUT: dict[str, Any] = {"PutRequest": {"Item": {"pk": {"S": "k"}}}}


@contextmanager
def behind(engine: Engine, *rules: Rule) -> Iterator[tuple[RecordedProxy, str, Any]]:
    """A proxy with ``rules``, a new table and a store that goes through the proxy."""
    name = engine.table(pk="string")
    with engine.behind(*rules) as proxy, closing(engine.proxied.table(name, SystemClock())) as store:
        yield proxy, name, store


def body_of(name: str, *requests: Any) -> bytes:
    return json.dumps({"RequestItems": {name: list(requests or (PUT,))}}).encode()


def with_crc(body: bytes, shift: int = 0) -> Action:
    return answered(200, body, {"x-amz-crc32": str(zlib.crc32(body) + shift)})


FAULTS: dict[str, tuple[Action, type[HeadraceError], bool]] = {
    "throughput exceeded": (failing("ProvisionedThroughputExceededException"), Throttled, False),
    "throttling": (failing("ThrottlingException"), Throttled, False),
    "request limit": (failing("RequestLimitExceeded"), Throttled, False),
    "limit": (failing("LimitExceededException"), Throttled, False),
    "other Region writes": (failing("ReplicatedWriteConflictException"), Throttled, False),
    "transaction writes": (failing("TransactionConflictException"), Throttled, False),
    "429": (answered(429), Throttled, False),
    "500 before": (failing("InternalServerError"), Unavailable, False),
    "500 after": (failing("InternalServerError", after=True), Unavailable, True),
    "503 without a body": (answered(503), Unavailable, False),
    "502 with HTML": (answered(502, b"<html>bad gateway</html>"), Unavailable, False),
    "expired token": (failing("ExpiredTokenException"), Unavailable, False),
    "408 of what stands before the table": (answered(408), Unavailable, False),
    "cut before": (cut(), Unavailable, False),
    "reset before": (cut(reset=True), Unavailable, False),
    "cut after": (cut(after=True), Unavailable, True),
    "reset after": (cut(after=True, reset=True), Unavailable, True),
    "cut in the body": (cut_body(5), Unavailable, True),
    "checksum of another body": (with_crc(b"{}", 1), Unavailable, False),
    "checksum that is none": (answered(200, b"{}", {"x-amz-crc32": "x"}), Unavailable, False),
    "no JSON": (with_crc(b"<html>"), Unavailable, False),
    "another JSON": (with_crc(b"[]"), Unavailable, False),
    "no lists": (with_crc(b'{"UnprocessedItems":{"orders":5}}'), Unavailable, False),
    "not what a table answers": (with_crc(b"{}"), Unavailable, False),
    "JSON without an end": (with_crc(b"[" * 100_000), Unavailable, False),
    **{
        f"{units} units": (with_crc(b'{"UnprocessedItems":{},"ConsumedCapacity":[{"CapacityUnits":%s}]}' % units.encode()), Unavailable, False)
        for units in ("NaN", "Infinity", "-1", "1" + "0" * 400)
    },
    "validation": (failing("ValidationException"), Invalid, False),
    "collection too large": (failing("ItemCollectionSizeLimitExceededException"), Invalid, False),
    "413": (answered(413), Invalid, False),
    "denied": (failing("AccessDeniedException"), Denied, False),
    "unknown client": (failing("UnrecognizedClientException"), Denied, False),
    "no such table": (failing("ResourceNotFoundException"), ServiceError, False),
    "error of the future": (failing("SomethingNewException"), ServiceError, False),
    "418": (answered(418, b"x"), ServiceError, False),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_raised_as_what_it_means_and_the_store_goes_on(ministack: Engine, fault: str) -> None:
    """Throttled, Unavailable, Invalid, Denied, or for good: the class says whether to repeat; the next call works."""
    action, kind, is_applied = FAULTS[fault]
    with behind(ministack, Rule("dynamodb:BatchWriteItem", action, calls={1})) as (_, name, store):
        with pytest.raises(HeadraceError) as caught:
            call(store, body_of(name))
        assert isinstance(caught.value, kind)
        assert caught.value.retryable == (kind in (Throttled, Unavailable))
        assert ministack.count(name) == is_applied
        assert call(store, body_of(name)).unprocessed == []
        assert ministack.count(name) == 1


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("reset", [False, True])
def test_kept_connection_that_is_lost_is_made_anew_for_the_next_call(ministack: Engine, after: bool, reset: bool) -> None:
    """A server may close an idle connection at any time. Whether the call was applied is not known; the call after it has a new connection."""
    with behind(ministack, Rule("dynamodb:BatchWriteItem", cut(after=after, reset=reset), calls={2})) as (_, name, store):
        for number in range(4):
            body = body_of(name, {"PutRequest": {"Item": {"pk": {"S": str(number)}}}})
            if number == 1:
                with pytest.raises(Unavailable):
                    call(store, body)
            else:
                call(store, body)
        assert ministack.count(name) == 3 + after


def test_writer_goes_on_when_each_connection_is_closed_after_its_answer(ministack: Engine) -> None:
    """Between two calls, without a word: every second call is lost, and sent again."""

    def answer_and_close(exchange: Exchange) -> None:
        exchange.answer(exchange.forward())
        exchange.cut()

    counts = Counts(read=200)
    with behind(ministack, Rule("dynamodb:BatchWriteItem", answer_and_close)) as (_, name, store):
        writer = Writer(store, name, {"pk": "string"}, counts=counts, clock=SystemClock(), deadline=float("inf"), reject=lambda *_: pytest.fail("rejected"))
        with closing(writer):
            for number in range(200):
                item = {"pk": {"S": str(number)}}
                writer.write([(identity_of({"pk": "string"}, item), json.dumps({"PutRequest": {"Item": item}}), Block(b"x", 1, 0), number, number)])
            writer.finish()
        assert ministack.count(name) == counts.written == 200


def test_unprocessed_items_come_back_as_they_were_sent(dynalite_engine: Engine) -> None:
    """Puts and deletes, to be found again by their keys."""
    requests = [{"PutRequest": {"Item": {"pk": {"S": f"é{number}"}}}} for number in range(10)] + [{"DeleteRequest": {"Key": {"pk": {"S": "x"}}}}]
    with behind(dynalite_engine, Rule("dynamodb:BatchWriteItem", unprocessed(random.Random(3), 0.7))) as (_, name, store):
        back = call(store, body_of(name, *requests)).unprocessed
        assert 0 < len(back) < 11
        assert all(request in requests for request in back)
        puts_back = sum("PutRequest" in request for request in back)
        assert dynalite_engine.count(name) == 10 - puts_back


REASONS: dict[str, ThrottlingReason] = {
    "TableWriteKeyRangeThroughputExceeded": "hot_key",
    "IndexWriteKeyRangeThroughputExceeded": "hot_key",
    "TableWriteMaxOnDemandThroughputExceeded": "own_cap",
    "IndexWriteMaxOnDemandThroughputExceeded": "own_cap",
    "TableWriteAccountLimitExceeded": "account",
    "IndexWriteAccountLimitExceeded": "account",
    "IndexWriteProvisionedThroughputExceeded": "index",
    "TableWriteProvisionedThroughputExceeded": "table",
    "": "table",
}
"""All reasons for writes of the Developer Guide, "Diagnosing throttling" (2026-11), and none."""


@pytest.mark.parametrize("code", ["ProvisionedThroughputExceededException", "ThrottlingException"])
@pytest.mark.parametrize("reason", REASONS)
def test_throttled_call_tells_what_limits(ministack: Engine, code: str, reason: str) -> None:
    """In both spellings of the member: the second of the codes begins it with a small letter."""
    with behind(ministack, Rule("dynamodb:BatchWriteItem", failing(code, reason=reason))) as (_, name, store), pytest.raises(Throttled) as caught:
        call(store, body_of(name))
    assert caught.value.reason == REASONS[reason]
    assert caught.value.hint


def test_quota_of_requests_is_that_of_the_account_also_without_a_reason(ministack: Engine) -> None:
    """RequestLimitExceeded is about nothing else."""
    with behind(ministack, Rule("dynamodb:BatchWriteItem", failing("RequestLimitExceeded"))) as (_, name, store), pytest.raises(Throttled) as caught:
        call(store, body_of(name))
    assert caught.value.reason == "account"


@pytest.mark.parametrize("seed", range(3))
def test_writer_through_all_faults_writes_everything_once_as_the_table_sees_it(dynalite_engine: Engine, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Unprocessed items, throttles, failures before and after the write, lost connections: the table ends as if nothing had happened."""
    monkeypatch.setattr(pace, "PAUSE_FIRST_S", 0.001)
    chance = random.Random(seed)
    actions = [
        unprocessed(chance),
        failing("ThrottlingException"),
        failing("InternalServerError", after=True),
        cut(after=True),
        cut(),
        cut_body(7),
        answered(503),
    ]

    def act(exchange: Exchange) -> None:
        if chance.random() < 0.5:
            chance.choice(actions)(exchange)
        else:
            exchange.answer(exchange.forward())

    counts = Counts(read=600)
    with behind(dynalite_engine, Rule("dynamodb:BatchWriteItem", act)) as (proxy, name, store):
        writer = Writer(store, name, {"pk": "string"}, counts=counts, clock=SystemClock(), deadline=float("inf"), reject=lambda *_: pytest.fail("rejected"))
        with closing(writer):
            for line in range(600):
                item = {"pk": {"S": f"k{line % 500}"}, "line": {"N": str(line)}}
                writer.write([(identity_of({"pk": "string"}, item), json.dumps({"PutRequest": {"Item": item}}), Block(b"x", 1, 0), line, line)])
            writer.finish()
        found = dynalite_engine.dynamodb.scan(TableName=name)["Items"]
        assert {(item["pk"]["S"], int(item["line"]["N"])) for item in found} == {(f"k{key}", key + 500 if key < 100 else key) for key in range(500)}
        assert len(proxy.calls) >= counts.calls
    counts.require_balance()
