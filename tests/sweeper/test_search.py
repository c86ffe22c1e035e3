"""The bucket compared with the ledger: what no event told of is found, once, in runs of bounded time."""

from __future__ import annotations

import random

import pytest

from headrace.errors import Denied, HeadraceError, ServiceError, Unavailable
from headrace.ledger.results import Ending
from headrace.ledger.states import Stop
from headrace.ledger.upkeep import KEYS_A_TIME, Upkeep
from headrace.ports import ObjectRef
from headrace.sweeper import AGE_S_MIN, ALL_S
from sweeper.deployment import Deployment

OLD = AGE_S_MIN + 60


@pytest.fixture
def deployed() -> Deployment:
    return Deployment()


def test_search_finds_what_no_event_told_of_and_says_which_version(deployed: Deployment) -> None:
    """Fault 4. What is known, or belongs to no route, is left alone."""
    deployed.loaded(deployed.bucket.put("in/known.csv"))
    lost = deployed.bucket.put("in/lost.csv")
    deployed.bucket.put("more/lost.txt")
    deployed.bucket.put("elsewhere/lost.csv")
    deployed.clock.sleep(OLD)
    assert deployed.sweep().found == 1
    assert [(ref.key, ref.version_id, ref.etag) for ref in deployed.found] == [("in/lost.csv", lost.version_id, lost.etag)]
    assert deployed.load_found() == 1
    assert next(deployed.ledger.of_object("landing", "in/lost.csv")).found_by == "sweep"
    assert (deployed.sweep().found, deployed.swept.is_pass_over) == (0, True)


def test_search_leaves_young_objects_to_their_events_and_finds_them_later(deployed: Deployment) -> None:
    """Also where the pass in between looked at nothing older."""
    deployed.bucket.put("in/a.csv")
    deployed.clock.sleep(AGE_S_MIN - 1)
    assert deployed.sweep().found == 0
    deployed.clock.sleep(1)
    assert deployed.sweep().found == 1


def test_search_finds_an_object_that_was_replaced_without_an_event(deployed: Deployment) -> None:
    """The listing's eTag and size are those of the version that counts, or the object is another one."""
    deployed.loaded(deployed.bucket.put("in/a.csv", "old"))
    deployed.clock.sleep(OLD)
    assert deployed.sweep().found == 0
    new = deployed.bucket.put("in/a.csv", "new")
    deployed.clock.sleep(OLD)
    deployed.sweep()
    assert [ref.version_id for ref in deployed.found] == [new.version_id]


@pytest.mark.parametrize("state", ["SUPERSEDED", "MISSING"])
@pytest.mark.parametrize("is_versioned", [True, False])
def test_search_finds_content_that_is_there_again_after_it_was_gone(deployed: Deployment, state: Stop, is_versioned: bool) -> None:
    """A is replaced by B, or deleted, before it was read, and then put again; only the first event comes. The listing tells the eTag that the head had."""
    deployed.bucket.is_versioned = is_versioned
    first = deployed.bucket.put("in/a.csv", "a")
    deployed.ledger.end(deployed.received(first), Ending(state))
    deployed.bucket.put("in/a.csv", "a")
    deployed.clock.sleep(OLD)
    assert deployed.sweep().found == 1
    assert deployed.load_found() == 1
    assert [one.state for one in deployed.ledger.of_object("landing", "in/a.csv")] == ["LOADED", state]
    deployed.clock.sleep(ALL_S)
    assert deployed.sweep().found == 0


@pytest.mark.parametrize("is_told", [True, False])
def test_search_finds_content_that_it_found_before_and_that_is_there_again_after_another(deployed: Deployment, is_told: bool) -> None:
    """A, B, A without versions, of which no event told, or only of B: else B would stay in the table for ever."""
    deployed.bucket.is_versioned = False
    deployed.bucket.put("in/a.csv", "a")
    deployed.clock.sleep(OLD)
    assert (deployed.sweep().found, deployed.load_found()) == (1, 1)
    deployed.found += [deployed.bucket.put("in/a.csv", "b")] * is_told
    deployed.clock.sleep(OLD)
    assert (deployed.sweep().found, deployed.load_found()) == (1, 1)
    deployed.bucket.put("in/a.csv", "a")
    deployed.clock.sleep(OLD)
    assert (deployed.sweep().found, deployed.load_found()) == (1, 1)
    deployed.clock.sleep(ALL_S)
    assert deployed.sweep().found == 0


def test_search_knows_an_older_version_that_came_back(deployed: Deployment) -> None:
    """Whoever deletes the last version shows the one before, which was loaded once; nothing tells of it with every run."""
    first = deployed.bucket.put("in/a.csv", "first")
    deployed.loaded(first)
    deployed.loaded(deployed.bucket.put("in/a.csv", "second"))
    deployed.bucket.current["in/a.csv"] = deployed.bucket.versions["in/a.csv", first.version_id]
    deployed.clock.sleep(OLD)
    assert deployed.sweep().found == 0


def test_search_when_an_object_goes_between_listing_and_look_says_nothing(deployed: Deployment) -> None:
    """And nothing is said of objects that the ledger knows and the bucket lost: their items stay."""
    deployed.loaded(deployed.bucket.put("in/deleted.csv"))
    deployed.bucket.put("in/going.csv")
    deployed.bucket.current.pop("in/deleted.csv")
    deployed.clock.sleep(OLD)
    page = deployed.bucket.page

    def vanishing(prefix: str, after: str) -> object:
        found = page(prefix, after)
        deployed.bucket.current.pop("in/going.csv", None)
        return found

    deployed.bucket.page = vanishing  # type: ignore[method-assign, assignment]
    assert (deployed.sweep().found, deployed.found) == (0, [])


@pytest.mark.parametrize("refusal", [Denied("ACCESS_DENIED", "kms"), ServiceError("AWS_CALL_FAILED", "400: encrypted with a key of the customer's own")])
def test_search_when_one_object_cannot_be_looked_at_names_it_by_its_content(deployed: Deployment, refusal: ServiceError) -> None:
    """Its load will be BLOCKED, with the reason; the objects after it are found all the same, in this run and not never."""
    deployed.bucket.put("in/a.csv", "denied")
    deployed.bucket.put("in/b.csv")
    deployed.clock.sleep(OLD)
    deployed.bucket.refusals = [None, refusal]
    assert deployed.sweep().found == 2
    assert deployed.found[0] == ObjectRef("landing", "in/a.csv", None, "denied", 6)


def test_search_of_a_page_of_unknown_objects_ends_in_time_and_goes_on_within_it(deployed: Deployment) -> None:
    """A bucket that was full before headrace came: a thousand looks take longer than what a run keeps of its time, and a killed run says nothing."""
    for number in range(1500):
        deployed.bucket.put(f"in/{number:05}.csv")
    deployed.clock.sleep(OLD)
    deployed.bucket.state_seconds = 0.05
    runs = [deployed.sweep(20.0)]
    while not runs[-1].is_pass_over and len(runs) < 20:
        runs.append(deployed.sweep(20.0))
    assert max(run.seconds for run in runs) <= 20 + KEYS_A_TIME * 0.05
    assert [ref.key for ref in deployed.found] == [f"in/{number:05}.csv" for number in range(1500)]


def test_search_of_thousands_of_objects_goes_on_from_run_to_run(deployed: Deployment) -> None:
    """5,000 objects at 10 pages a minute: each is looked at once, whatever the time of a run, and the next pass begins from the start."""
    for number in range(5000):
        deployed.bucket.put(f"in/{number:05}.csv")
    deployed.clock.sleep(OLD)
    deployed.bucket.page_size, deployed.bucket.page_seconds = 100, 6.0
    runs = []
    while not runs or not runs[-1].is_pass_over:
        runs.append(deployed.sweep(seconds=60.0))
    assert len(runs) == 6  # five for 50 pages, one more for the second prefix
    assert sum(run.listed for run in runs) == sum(run.found for run in runs) == deployed.load_found() == 5000
    deployed.clock.sleep(ALL_S)
    assert sum(deployed.sweep(seconds=60.0).found for _ in range(6)) == 0


def test_search_looks_in_the_ledger_for_what_has_changed_only_but_once_a_day_for_all(deployed: Deployment) -> None:
    """A look costs; and what was lost in other ways shows within a day."""
    deployed.loaded(deployed.bucket.put("in/a.csv"))
    lost = deployed.bucket.put("in/lost.csv")
    deployed.clock.sleep(OLD)
    deployed.sweep()  # its message is lost
    deployed.found.clear()
    deployed.clock.sleep(900)
    assert (deployed.sweep().listed, deployed.swept.found) == (2, 0)
    deployed.clock.sleep(ALL_S)
    deployed.sweep()
    assert [ref.version_id for ref in deployed.found] == [lost.version_id]


@pytest.mark.parametrize("at", range(12))
@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
def test_search_when_any_call_fails_is_made_good_by_the_next_run(deployed: Deployment, at: int, is_done: bool) -> None:
    """The error is told and raised, and no place is passed whose messages were not sent."""
    for number in range(8):
        deployed.bucket.put(f"in/{number}.csv")
    deployed.clock.sleep(OLD)
    deployed.bucket.page_size = 3
    calls = iter(range(1000))

    def fail(operation: str, is_over: bool) -> None:
        if is_over is is_done and next(calls) == at:
            raise Unavailable("SERVICE_UNAVAILABLE", operation)

    deployed.store.around = fail
    raised = False
    try:
        deployed.sweep()
    except HeadraceError:
        raised = True
        assert deployed.swept.error == "SERVICE_UNAVAILABLE"
        deployed.sweep()
    assert raised or next(calls) <= at
    assert {ref.key for ref in deployed.found} == {f"in/{number}.csv" for number in range(8)}
    assert deployed.load_found() == 8


def test_search_when_bucket_or_queue_fails_is_made_good_by_the_next_run(deployed: Deployment) -> None:
    """A page that could not be read, an object that could not be looked at, messages that may have been sent."""
    for number in range(4):
        deployed.bucket.put(f"in/{number}.csv")
    deployed.clock.sleep(OLD)
    for refusals in ([Unavailable("X", "page")], [None, None, Unavailable("X", "state")]):
        deployed.bucket.refusals = [*refusals]
        with pytest.raises(Unavailable):
            deployed.sweep()
    deployed.refusals = [Unavailable("MESSAGES_UNSENT", "some of them")]
    with pytest.raises(Unavailable):
        deployed.sweep()
    deployed.sweep()
    assert deployed.load_found() == 4


def test_search_after_lost_events_makes_the_ledger_know_every_object(deployed: Deployment) -> None:
    """Invariant I3: 10 % of 500 notifications are lost, some objects are written twice."""
    dice = random.Random(4)
    for _ in range(500):
        ref = deployed.bucket.put(f"in/{dice.randrange(300)}.csv", str(dice.random()))
        if dice.random() >= 0.1:
            deployed.loaded(ref)
    deployed.clock.sleep(OLD)
    assert deployed.sweep().found > 20
    assert deployed.load_found() == deployed.swept.found
    heads = Upkeep(deployed.store).heads("landing", sorted(deployed.bucket.current))
    assert {key: head.version_id for key, head in heads.items()} == {key: stored.ref.version_id for key, stored in deployed.bucket.current.items()}


def test_search_when_the_routes_changed_begins_anew(deployed: Deployment) -> None:
    """A place below a prefix that is no longer listed is no place."""
    for number in range(4):
        deployed.bucket.put(f"more/{number}.csv")
    deployed.clock.sleep(OLD)
    deployed.bucket.page_size, deployed.bucket.page_seconds = 2, 10.0
    deployed.sweep(seconds=15)
    deployed.config.routes.pop()
    assert deployed.sweep().listed == 0
    assert deployed.swept.is_pass_over
