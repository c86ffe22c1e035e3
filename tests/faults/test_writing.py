"""Whole loads into a real table that throttles, fails and loses answers (rows 18 and 20 to 25 of the list of faults)."""

from __future__ import annotations

import random
from typing import Any

import pytest

from contracts.engines import Engine
from faults.loading import FOR_EVER, WRITE, Faulted, faulted, rows, values
from headrace.config.model import Column
from headrace.local.fault_actions import answered, cut, cut_body, failing, unprocessed
from headrace.local.fault_answers import REASONS, THROTTLES
from headrace.local.fault_proxy import Action, Rule

HOT = b"hot"


def require_all_written(world: Faulted, count: int, **arguments: Any) -> Any:
    """Load ``rows(count)``: LOADED, and the table is that of a load without faults."""
    outcome = world.load(rows(count), **arguments)
    assert (outcome.state, outcome.written, outcome.rejected) == ("LOADED", count, 0), outcome.message
    assert values(world.items()) == {number: f"x{number}" for number in range(count)}
    return outcome


@pytest.mark.parametrize("share", [0.0, 0.4])
@pytest.mark.parametrize("engine", ["ministack", "dynalite_engine"])
def test_last_record_of_a_key_wins_however_its_number_is_written(request: pytest.FixtureRequest, engine: str, share: float) -> None:
    """1000, 1e3 and 1000.0 are one key, also where calls are handed back in part: no call holds a key twice, which DynamoDB refuses."""
    forms = ["1000", "1e3", "1000.0", "10E2", "+1000", "01000", "0.1e4"]
    chance = random.Random(5)
    keys = [chance.choice(forms) if number % 3 else str(number % 40) for number in range(600)]
    expected = {int(float(key)): f"v{number}" for number, key in enumerate(keys)}
    rules = [Rule(WRITE, unprocessed(random.Random(1), share))] if share else []
    with faulted(request.getfixturevalue(engine), *rules) as world:
        outcome = world.load(b"id,v\n" + b"".join(b"%b,v%d\n" % (key.encode(), number) for number, key in enumerate(keys)))
        assert (outcome.state, outcome.read, outcome.rejected) == ("LOADED", 600, 0)
        assert outcome.written + outcome.superseded == 600
        assert values(world.items()) == expected
        assert {call.status for call in world.proxy.calls if call.forwarded} == {200}


@pytest.mark.parametrize("engine", ["ministack", "dynalite_engine"])
def test_items_handed_back_are_written_in_few_more_calls(request: pytest.FixtureRequest, engine: str) -> None:
    """With 30 % of the items of every call unprocessed, and 5 % of the calls failing after the work: at most twice the ideal number of calls."""
    chance = random.Random(2)
    rules = [Rule(WRITE, failing("InternalServerError", after=True), chance=0.05, random=chance), Rule(WRITE, unprocessed(chance, 0.3))]
    with faulted(request.getfixturevalue(engine), *rules) as world:
        outcome = require_all_written(world, 2000)
        assert outcome.unprocessed > 0
        assert len(world.proxy.calls) <= 2 * 2000 / 25


def test_table_that_takes_nothing_for_a_while_is_not_hammered(dynalite_engine: Engine) -> None:
    """The pauses grow: a second of refusals costs a few dozen calls, not thousands; then everything is written."""
    rule = Rule(WRITE, unprocessed(random.Random(1), 1.0))
    with faulted(dynalite_engine, rule) as world:
        outcome = world.load(rows(100), within_s=1.0)
        assert (outcome.state, outcome.error, outcome.written) == ("FAILED", "DEADLINE", 0)
        assert 2 <= len(world.proxy.calls) <= 100
        world.proxy.rules.clear()
        require_all_written(world, 100)


@pytest.mark.parametrize("code", [*THROTTLES, "ReplicatedWriteConflictException"])
def test_calls_throttled_as_a_whole_are_repeated(dynalite_engine: Engine, code: str) -> None:
    """By each name that DynamoDB has for it; nothing of a throttled call is written."""
    with faulted(dynalite_engine, Rule(WRITE, failing(code), calls=range(1, 4))) as world:
        outcome = require_all_written(world, 60)
        assert sum(outcome.throttles.values()) == 3
        assert [call.status for call in world.proxy.calls].count(400) == 3


LIMITED_BY = {"KeyRange": "hot_key", "MaxOnDemand": "own_cap", "AccountLimit": "account", "Index": "index", "Table": "table"}
"""By the first of these parts that is in the reason."""


@pytest.mark.parametrize("reason", [reason for reason in REASONS if "Write" in reason])
@pytest.mark.parametrize("code", THROTTLES[:3])
def test_reason_of_a_throttle_is_in_the_outcome(dynalite_engine: Engine, code: str, reason: str) -> None:
    """Told apart by what to do about it, from the reason and not from the exception's name."""
    expected = next(kind for part, kind in LIMITED_BY.items() if part in reason)
    with faulted(dynalite_engine, Rule(WRITE, failing(code, reason=reason), calls={1})) as world:
        assert require_all_written(world, 10).throttles == {expected: 1}


@pytest.mark.parametrize("code", THROTTLES)
def test_load_throttled_to_its_deadline_says_how_far_it_came(dynalite_engine: Engine, code: str) -> None:
    """What was acknowledged is in the table and nothing else; it ends in time, and the next load writes the rest."""
    with faulted(dynalite_engine, Rule(WRITE, failing(code), calls=range(4, 1 << 40))) as world:
        outcome = world.load(rows(1000), within_s=60.0)
        assert (outcome.state, outcome.error, outcome.retryable) == ("FAILED", "DEADLINE", True)
        assert outcome.written == len(world.items()) == 75
        assert code in outcome.message
        assert 50.0 < outcome.seconds < 65.0
        world.proxy.rules.clear()
        require_all_written(world, 1000)


@pytest.mark.parametrize("share", [1.0, 0.9])
def test_hot_key_holds_up_its_own_items_only(dynalite_engine: Engine, share: float) -> None:
    """Items of one key come back time and again, or the whole call if there are no others: the others are written, then these."""
    reason = "TableWriteKeyRangeThroughputExceeded"
    rule = Rule(WRITE, unprocessed(random.Random(1), share, containing="hot", reason=reason), containing=HOT, calls=range(1, 26))
    lines = b"".join(b"%b,%d,x%d\n" % (HOT if number % 5 == 0 else b"k%d" % number, number, number) for number in range(500))
    with faulted(dynalite_engine, columns={"v": Column()}, pk="string", id="number") as world:
        world.proxy.inject(rule)
        outcome = world.load(b"pk,id,v\n" + lines, within_s=600.0)
        assert (outcome.state, outcome.written) == ("LOADED", 500)
        assert values(world.items()) == {number: f"x{number}" for number in range(500)}
        assert sum(outcome.throttles.values()) > 0
        assert outcome.throttles.get("hot_key", 0) > 0 or share < 1  # only a call of which nothing is taken tells the reason


def test_hot_key_that_never_cools_is_named_in_the_failure(dynalite_engine: Engine) -> None:
    """Everything else is written, and the hint does not say to raise the capacity."""
    reason = "TableWriteKeyRangeThroughputExceeded"
    rule = Rule(WRITE, unprocessed(random.Random(1), 1.0, containing="hot", reason=reason), containing=HOT)
    lines = b"".join(b"%b,%d,x%d\n" % (HOT if number < 5 else b"k%d" % number, number, number) for number in range(200))
    with faulted(dynalite_engine, rule, columns={"v": Column()}, pk="string", id="number") as world:
        outcome = world.load(b"pk,id,v\n" + lines, within_s=60.0)
        assert (outcome.state, outcome.error, outcome.written) == ("FAILED", "DEADLINE", 195)
        assert set(values(world.items())) == set(range(5, 200))
        assert "one partition key: more capacity does not help" in outcome.hint


LOST: dict[str, Action] = {
    "500 before the work": failing("InternalServerError"),
    "500 after the work": failing("InternalServerError", after=True),
    "503 after the work": answered(503, after=True),
    "closed before the work": cut(),
    "closed after the work": cut(after=True),
    "reset before the work": cut(reset=True),
    "reset after the work": cut(after=True, reset=True),
    "cut in the answer": cut_body(5),
}


@pytest.mark.parametrize("fault", LOST)
@pytest.mark.parametrize("engine", ["ministack", "dynalite_engine"])
def test_call_whose_answer_is_lost_changes_nothing(request: pytest.FixtureRequest, engine: str, fault: str) -> None:
    """Whether the items were written or not, they are sent again: the same table, each item counted once."""
    with faulted(request.getfixturevalue(engine), Rule(WRITE, LOST[fault], calls=range(2, 1000, 3))) as world:
        outcome = require_all_written(world, 500)
        assert len(world.proxy.calls) > 500 / 25
        assert outcome.calls == len(world.proxy.calls)


def test_later_record_of_a_key_is_never_overtaken_by_a_repeat(dynalite_engine: Engine) -> None:
    """A call that was applied, and whose answer was lost, is repeated; no repeat may come after a newer item of its key."""
    lines = b"".join(b"%d,x%d\n" % (number % 30, number) for number in range(1500))
    rules = [Rule(WRITE, cut(after=True), calls=range(2, 1000, 4)), Rule(WRITE, unprocessed(random.Random(4), 0.3))]
    with faulted(dynalite_engine, *rules) as world:
        outcome = world.load(b"id,v\n" + lines)
        assert (outcome.state, outcome.written + outcome.superseded) == ("LOADED", 1500)
        assert values(world.items()) == {number: f"x{1470 + number}" for number in range(30)}


def test_table_that_never_answers_ends_the_load_at_its_deadline(dynalite_engine: Engine) -> None:
    """Every connection is lost: nothing is known to be written, and the load can be repeated."""
    with faulted(dynalite_engine, Rule(WRITE, cut(reset=True), calls=FOR_EVER)) as world:
        outcome = world.load(rows(100), within_s=0.7)
        assert (outcome.state, outcome.retryable, outcome.written) == ("FAILED", True, 0)
        assert world.items() == []
        assert len(world.proxy.calls) <= 100
