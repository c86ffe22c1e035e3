"""headrace's LedgerStore behind a proxy that throttles, refuses, cuts and lies about the time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from contracts.engines import Engine
from contracts.ledger_tables import dynamo_store, ledger_table
from contracts.virtual_clock import VirtualClock
from headrace.aws.ledger_store import PATIENCE_S, DynamoLedgerStore
from headrace.errors import Denied, HeadraceError, ServiceError, Throttled, Unavailable
from headrace.ledger.store import ConditionFailed, Is, Put, Update
from headrace.local.fault_actions import answered, cut, cut_body, failing
from headrace.local.fault_exchange import Exchange
from headrace.local.fault_proxy import Action, Rule
from servers.recorded import RecordedProxy

ONE = ("g#1", "meta")
ADD = Update(ONE, add={"n": 1})
DATE = "Sun, 22 Nov 2026 15:00:00 GMT"
DATE_S = 1_795_359_600.0
JSON = {"Content-Type": "application/x-amz-json-1.0"}


@contextmanager
def behind(engine: Engine, *rules: Rule, clock: VirtualClock | None = None) -> Iterator[tuple[RecordedProxy, VirtualClock, DynamoLedgerStore]]:
    clock = clock or VirtualClock()
    with engine.behind(*rules) as proxy:
        yield proxy, clock, dynamo_store(engine.proxied, ledger_table(engine), clock)


def error(code: str, reasons: list[dict[str, Any]] | None = None, **headers: str) -> Action:
    body = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "by rule"} | ({"CancellationReasons": reasons} if reasons else {})
    return answered(400, json.dumps(body).encode(), headers)


CONFLICT = [{"Code": "None"}, {"Code": "TransactionConflict"}]
PASSING: dict[str, Action] = {
    "throughput exceeded": failing("ProvisionedThroughputExceededException"),
    "throttling": failing("ThrottlingException"),
    "request limit": failing("RequestLimitExceeded"),
    "in progress": error("TransactionInProgressException"),
    "conflict": error("TransactionCanceledException", CONFLICT),
    "cancelled by throttling": error("TransactionCanceledException", [{"Code": "ThrottlingError"}]),
    "cancelled by capacity": error("TransactionCanceledException", [{"Code": "ProvisionedThroughputExceeded"}]),
    "500 before": failing("InternalServerError"),
    "500 after": failing("InternalServerError", after=True),
    "503": answered(503),
    "cut before": cut(),
    "cut after": cut(after=True),
    "reset after": cut(after=True, reset=True),
    "cut in the body": cut_body(1),
    "page of a proxy": answered(200, b"<html>sign in</html>", {"Content-Type": "text/html"}),
    "JSON of something else": answered(200, b"{}", {"Content-Type": "application/json"}),
}


@pytest.mark.parametrize("fault", PASSING)
def test_transaction_when_repeated_is_applied_once(ministack: Engine, fault: str) -> None:
    """Whether or not the first calls were applied: all carry one request token, and a count of 1 stays 1."""
    with behind(ministack, Rule("dynamodb:TransactWriteItems", PASSING[fault], calls={1, 2})) as (proxy, clock, store):
        store.transact([ADD])
        assert store.get([ONE])[ONE]["n"] == 1
        tokens = [json.loads(call.body)["ClientRequestToken"] for call in proxy.calls if call.operation == "dynamodb:TransactWriteItems"]
        assert (len(tokens), len(set(tokens)), len(clock.slept)) == (3, 1, 2)
        store.transact([ADD])
        assert store.get([ONE])[ONE]["n"] == 2


FINAL: dict[str, tuple[Action, type[HeadraceError], str]] = {
    "validation": (failing("ValidationException"), ServiceError, "AWS_CALL_FAILED"),
    "cancelled by validation": (error("TransactionCanceledException", [{"Code": "ValidationError"}]), ServiceError, "LEDGER_REFUSED"),
    "cancelled for no reason": (error("TransactionCanceledException"), ServiceError, "LEDGER_REFUSED"),
    "denied": (failing("AccessDeniedException"), Denied, "ACCESS_DENIED"),
    "no such table": (failing("ResourceNotFoundException"), ServiceError, "LEDGER_MISSING"),
    "token of another call": (error("IdempotentParameterMismatchException"), ServiceError, "AWS_CALL_FAILED"),
}


@pytest.mark.parametrize("fault", FINAL)
def test_call_that_cannot_succeed_is_not_repeated(ministack: Engine, fault: str) -> None:
    """The error names the action and the table, and what to do."""
    action, kind, code = FINAL[fault]
    with behind(ministack, Rule("dynamodb:TransactWriteItems", action)) as (proxy, clock, store):
        with pytest.raises(kind) as caught:
            store.transact([ADD])
        assert (caught.value.code, caught.value.retryable, clock.slept, len(proxy.calls)) == (code, False, [], 1)
        assert "dynamodb:TransactWriteItems" in caught.value.message
        assert caught.value.hint


@pytest.mark.parametrize(("action", "kind"), [(failing("ThrottlingException"), Throttled), (cut(), Unavailable), (answered(200), Unavailable)])
@pytest.mark.parametrize("operation", ["get", "transact", "query", "listing", "now"])
def test_call_that_never_succeeds_is_given_up_in_time(ministack: Engine, operation: str, action: Action, kind: type[HeadraceError]) -> None:
    """Far within the 10 minutes of a request token; the pauses grow and are not all the same."""
    calls: dict[str, Any] = {
        "get": lambda store: store.get([ONE]),
        "transact": lambda store: store.transact([ADD]),
        "query": lambda store: next(store.query("g#1", "c#")),
        "listing": lambda store: next(store.listing("open")),
        "now": lambda store: store.now(),
    }
    with behind(ministack, Rule("*", action)) as (_, clock, store):
        with pytest.raises(kind) as caught:
            calls[operation](store)
        assert caught.value.retryable
        assert PATIENCE_S - 2.1 < sum(clock.slept) < PATIENCE_S
        assert clock.slept[0] <= 0.05 < max(clock.slept) <= 2.0
        assert len(set(clock.slept)) > 10


def test_condition_that_failed_beside_a_conflict_counts(ministack: Engine) -> None:
    """It would fail again: the caller is to look again."""
    reasons = [{"Code": "TransactionConflict"}, {"Code": "ConditionalCheckFailed", "Item": {"n": {"N": "5"}}}]
    with behind(ministack, Rule("dynamodb:TransactWriteItems", error("TransactionCanceledException", reasons))) as (proxy, _, store):
        with pytest.raises(ConditionFailed) as caught:
            store.transact([ADD, Update(("g#2", "meta"), conditions=[Is("n", 1)], add={"n": 1})])
        assert (caught.value.index, caught.value.key, caught.value.item, len(proxy.calls)) == (1, ("g#2", "meta"), {"n": 5}, 1)


def test_keys_that_are_left_unread_are_asked_for_again(ministack: Engine) -> None:
    """Only those, until all are there."""

    def one_at_a_time(exchange: Exchange) -> None:
        call = json.loads(exchange.call.body)
        ((table, wanted),) = call["RequestItems"].items()
        left = wanted["Keys"][1:]
        call["RequestItems"] = {table: wanted | {"Keys": wanted["Keys"][:1]}}
        reply = exchange.forward(json.dumps(call).encode())
        answer = json.loads(reply.body) | ({"UnprocessedKeys": {table: wanted | {"Keys": left}}} if left else {})
        exchange.answer(type(reply)(200, [("Date", DATE), *JSON.items()], json.dumps(answer).encode()))

    keys = [(f"g#{number}", "meta") for number in range(3)]
    with behind(ministack) as (proxy, _, store):
        store.transact([Put({"pk": pk, "sk": sk}) for pk, sk in keys])
        proxy.rules.append(Rule("dynamodb:BatchGetItem", one_at_a_time))
        assert set(store.get([*keys, ("g#none", "meta")])) == set(keys)
        assert [len(next(iter(json.loads(call.body)["RequestItems"].values()))["Keys"]) for call in proxy.calls[1:]] == [4, 3, 2, 1]


def test_reads_ask_for_what_is_written(ministack: Engine) -> None:
    """Strongly consistent but for the index, which cannot be (DynamoDB developer guide, GSI, 2026-11)."""
    with behind(ministack) as (proxy, _, store):
        store.get([ONE])
        list(store.query("g#1", "c#"))
        list(store.listing("open"))
        bodies = [json.loads(call.body) for call in proxy.calls]
        assert next(iter(bodies[0]["RequestItems"].values()))["ConsistentRead"] is True
        assert [body.get("ConsistentRead") for body in bodies[1:]] == [True, None]


def dated(date: str, *, after_s: float = 0.0, clock: VirtualClock | None = None) -> Action:
    """An answer with this date, which takes its time on ``clock``."""

    def act(exchange: Exchange) -> None:
        if clock:
            clock.sleep(after_s)
        answered(200, b'{"Responses":{}}', {"Date": date} | JSON)(exchange)

    return act


def test_now_is_the_date_of_the_last_answer_and_the_time_since(ministack: Engine) -> None:
    """Fault 31: what this machine takes for the time plays no part, only how much of it has passed."""
    clock = VirtualClock(start=12345.0)
    with behind(ministack, Rule("dynamodb:BatchGetItem", dated(DATE)), clock=clock) as (proxy, _, store):
        assert store.now() == DATE_S
        clock.sleep(90.5)
        assert store.now() == DATE_S + 90.5
        proxy.rules[:] = [Rule("*", error("ValidationException", Date=DATE.replace("15:00", "16:00")))]
        with pytest.raises(ServiceError):
            store.transact([ADD])
        assert store.now() == DATE_S + 3600


def test_answer_that_was_slow_does_not_set_the_clock_back(ministack: Engine) -> None:
    """Its date may be as old as it was slow: it counts only while there is no better one, and another is asked for each time."""
    clock = VirtualClock()
    slow = Rule("*", dated(DATE, after_s=10.0, clock=clock))
    with behind(ministack, slow, clock=clock) as (proxy, _, store):
        assert (store.now(), store.now(), len(proxy.calls)) == (DATE_S, DATE_S, 2)
        proxy.rules[:] = [Rule("*", dated(DATE.replace("00 GMT", "20 GMT"), after_s=2.0, clock=clock))]
        assert (store.now(), store.now(), len(proxy.calls)) == (DATE_S + 20, DATE_S + 20, 3)
        proxy.rules[:] = [slow]
        store.get([ONE])
        assert store.now() == DATE_S + 30


def test_answers_without_a_date_are_an_error_and_no_guess(ministack: Engine) -> None:
    """A lease must not depend on the clock of this machine."""
    with behind(ministack, Rule("*", answered(200, b'{"Responses":{}}', JSON))) as (_, _, store):
        with pytest.raises(ServiceError) as caught:
            store.now()
        assert caught.value.code == "LEDGER_DATELESS"
