"""What is open in the ledger: lost messages are sent again, what is done is ended, what is archived waits for its restore."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headrace.errors import Denied, HeadraceError, Unavailable
from headrace.ledger.entries import Span, chunk_key
from headrace.ledger.identity import generation_id
from headrace.ledger.results import Claim, Ending, Progress
from headrace.ledger.store import Update
from headrace.ports import Replay, Task
from headrace.sweeper import REVIVED_MAX
from sweeper.deployment import JOB, LEASE, Deployment

LOST_S = 2 * 3600
"""Longer than any message stays away."""
DONE = Progress({"read": 1})


@pytest.fixture
def deployed() -> Deployment:
    return Deployment()


def planned(deployed: Deployment, key: str = "in/large.csv") -> Claim:
    claim = deployed.ledger.plan(deployed.received(deployed.bucket.put(key)), [Span(0, 10), Span(10, 20), Span(20)])
    assert isinstance(claim, Claim)
    return claim


def test_chunks_that_nobody_asks_for_get_their_messages_again(deployed: Deployment) -> None:
    """Fault 39: messages expired, or a queue was emptied. Once: they are not sent anew with every run."""
    claim = planned(deployed)
    deployed.ledger.commit(claim, DONE)
    deployed.clock.sleep(1800)
    assert deployed.sweep().revived == 0
    deployed.clock.sleep(LOST_S)
    assert (deployed.sweep().revived, deployed.swept.open) == (2, 1)
    assert deployed.tasks == [Task(claim.generation.id, 1), Task(claim.generation.id, 2)]
    assert deployed.sweep().revived == 0
    deployed.clock.sleep(LOST_S)
    assert deployed.sweep().revived == 2


def test_chunk_that_somebody_has_is_left_alone(deployed: Deployment) -> None:
    """A worker that is alive extends its lease; one that is dead is known by the end of its lease."""
    claim = planned(deployed)
    deployed.clock.sleep(LOST_S)
    held = deployed.ledger.claim(claim.generation.id, 1, replace(LEASE, seconds=900))
    assert isinstance(held, Claim)
    deployed.sweep()
    assert [task.chunk for task in deployed.tasks] == [0, 2]
    deployed.clock.sleep(LOST_S)
    deployed.tasks.clear()
    deployed.sweep()
    assert [task.chunk for task in deployed.tasks] == [0, 1, 2]


def test_replay_of_rejected_records_is_left_to_its_command(deployed: Deployment) -> None:
    """The function may not load them; that it waits is told all the same."""
    ref = deployed.bucket.put("in/a.csv")
    deployed.loaded(ref)
    job = replace(JOB, found_by="replay", replay=Replay(generation_id(ref), 1, "rejected"))
    assert isinstance(deployed.ledger.begin(ref, job, lease=LEASE), Claim)
    deployed.clock.sleep(LOST_S)
    swept = deployed.sweep()
    assert (swept.revived, swept.open, swept.oldest_waiting_s >= LOST_S, deployed.tasks) == (0, 1, True, [])


@pytest.mark.parametrize("state", ["BLOCKED", "PAUSED"])
def test_objects_that_are_stopped_are_tried_again_when_due(deployed: Deployment, state: str) -> None:
    """What stopped them may have been mended, long after their messages expired."""
    claim = deployed.received(deployed.bucket.put("in/a.csv"))
    deployed.ledger.end(claim, Ending(state, "TABLE_MISSING"))  # type: ignore[arg-type]  # a stop
    assert deployed.sweep().revived == 0
    deployed.clock.sleep(LOST_S)
    assert deployed.sweep().revived == 1
    assert deployed.tasks == [Task(claim.generation.id, 0)]


def test_object_that_waits_for_its_restore_goes_on_when_it_is_readable(deployed: Deployment) -> None:
    """Fault 12, where no event of the restore comes. Its age rings no alarm: a restore takes up to two days."""
    ref = deployed.bucket.put("in/a.csv", is_readable=False)
    deployed.ledger.end(deployed.received(ref), Ending("WAITING_RESTORE", "OBJECT_ARCHIVED"))
    deployed.clock.sleep(LOST_S)
    assert (deployed.sweep().revived, deployed.swept.oldest_waiting_s, deployed.swept.open) == (0, 0, 1)
    deployed.bucket.versions["in/a.csv", ref.version_id] = replace(deployed.bucket.versions["in/a.csv", ref.version_id], is_readable=True)
    deployed.clock.sleep(LOST_S)
    assert deployed.sweep().revived == 1


def test_object_that_waits_for_its_restore_and_went_away_is_left_to_its_load(deployed: Deployment) -> None:
    """So it is when it may not be looked at: the load says what it is."""
    refs = [deployed.bucket.put(key, is_readable=False) for key in ("in/a.csv", "in/b.csv")]
    for ref in refs:
        deployed.ledger.end(deployed.received(ref), Ending("WAITING_RESTORE", "OBJECT_ARCHIVED"))
    del deployed.bucket.versions["in/a.csv", refs[0].version_id]
    deployed.clock.sleep(LOST_S)
    deployed.bucket.refusals = [None, Denied("ACCESS_DENIED", "s3:GetObjectVersion")]
    assert deployed.sweep().revived == 2


def test_generation_whose_chunks_are_all_done_is_ended(deployed: Deployment) -> None:
    """A worker died between the last chunk's commit and the end of the generation."""
    claim = planned(deployed)
    deployed.ledger.commit(claim, DONE)
    for number in (1, 2):
        held = deployed.ledger.claim(claim.generation.id, number, LEASE)
        assert isinstance(held, Claim)

        def die(operation: str, is_done: bool) -> None:
            if is_done and operation == "transact":
                raise SystemExit

        deployed.store.around = die
        with pytest.raises(SystemExit):
            deployed.ledger.commit(held, DONE)
        deployed.store.around = lambda operation, is_done: None
    generation = deployed.ledger.generation(claim.generation.id)
    assert generation
    assert (generation.state, generation.chunks_done) == ("LOADING", 3)
    assert deployed.sweep().finished == 1
    generation = deployed.ledger.generation(claim.generation.id)
    assert generation
    assert generation.state == "LOADED"


def test_oldest_waiting_is_the_age_of_the_oldest_that_has_not_ended(deployed: Deployment) -> None:
    """Also while it is being loaded: an object that takes hours is worth a look."""
    deployed.loaded(deployed.bucket.put("in/loaded.csv"))
    assert deployed.sweep().oldest_waiting_s == 0
    deployed.received(deployed.bucket.put("in/a.csv"))
    deployed.clock.sleep(600)
    deployed.received(deployed.bucket.put("in/b.csv"))
    deployed.clock.sleep(60)
    assert (deployed.sweep().oldest_waiting_s, deployed.swept.open) == (660, 2)


def test_messages_of_one_run_are_bounded_and_the_next_goes_on(deployed: Deployment) -> None:
    for number in range(REVIVED_MAX + 50):
        claim = deployed.received(deployed.bucket.put(f"in/{number}.csv"))
        deployed.ledger.give_back(claim)
    deployed.clock.sleep(LOST_S)
    assert deployed.sweep().revived == REVIVED_MAX
    assert deployed.sweep().revived == 50
    assert len(set(deployed.tasks)) == REVIVED_MAX + 50


def test_chunk_that_changed_meanwhile_keeps_its_change(deployed: Deployment) -> None:
    """Noting that its message was sent touches no chunk that a worker has taken since."""
    claim = deployed.received(deployed.bucket.put("in/a.csv"))
    deployed.ledger.give_back(claim)
    deployed.clock.sleep(LOST_S)
    send = deployed.send_tasks

    def taken(bodies: list[str]) -> None:
        send(bodies)
        assert isinstance(deployed.ledger.claim(claim.generation.id, 0, LEASE), Claim)

    deployed.send_tasks = taken  # type: ignore[method-assign, assignment]
    before = deployed.store.items[chunk_key(claim.generation.id, 0)]["changes"]
    assert deployed.sweep().revived == 1
    item = deployed.store.items[chunk_key(claim.generation.id, 0)]
    assert (item["changes"], item["leased_until"] > deployed.clock.now()) == (before + 1, True)


@pytest.mark.parametrize("at", range(14))
@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
def test_tending_when_any_call_fails_is_made_good_by_the_next_run(deployed: Deployment, at: int, is_done: bool) -> None:
    """A message may be sent twice then, and none is left out."""
    claim = planned(deployed)
    single = deployed.received(deployed.bucket.put("in/a.csv"))
    deployed.clock.sleep(LOST_S)
    calls = iter(range(1000))

    def fail(operation: str, is_over: bool) -> None:
        if is_over is is_done and next(calls) == at:
            raise Unavailable("LEDGER_UNAVAILABLE", operation)

    deployed.store.around = fail
    try:
        deployed.sweep()
    except HeadraceError:
        deployed.sweep()
    assert {(task.generation, task.chunk) for task in deployed.tasks} == {(claim.generation.id, n) for n in range(3)} | {(single.generation.id, 0)}


def test_items_of_the_ledger_that_are_not_whole_stop_nothing(deployed: Deployment) -> None:
    """A generation whose first chunk was deleted from outside has nothing to send."""
    claim = deployed.received(deployed.bucket.put("in/a.csv"))
    del deployed.store.items[chunk_key(claim.generation.id, 0)]
    deployed.store.apply(Update(("g#x", "meta"), set={"note": "no listing"}))
    deployed.clock.sleep(LOST_S)
    assert (deployed.sweep().revived, deployed.swept.open) == (0, 1)
