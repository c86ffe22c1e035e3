"""A version of several chunks that ended too early goes on: what is done stays, and nothing is counted twice."""

from __future__ import annotations

import copy
from dataclasses import replace
from itertools import count

import pytest

from headrace.ledger.entries import Chunk, Generation, Span, meta_key
from headrace.ledger.ledger import Ledger
from headrace.ledger.reopen import reopen
from headrace.ledger.results import Busy, Claim, Committed, Ended, Ending
from headrace.ports import Replay
from ledger.kills import At, Kill, Killed
from ledger.scene import DONE, HALF, JOB, LEASE, LEASE_S, OVER_S, Scene, id_of, version

STOPPED = replace(HALF, is_partial=True)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def failed(scene: Scene) -> None:
    """One chunk is done, one failed after a checkpoint, one was never begun."""
    scene.ledger.commit(scene.planned(), DONE)
    kept = scene.ledger.commit(scene.claim(1), HALF, extend=LEASE)
    assert isinstance(kept, Committed)
    assert kept.claim
    scene.ledger.end(kept.claim, Ending("FAILED", "GIVEN_UP", "why", "what next"))


def chunks(scene: Scene) -> list[Chunk]:
    return list(scene.ledger.chunks(id_of(None)))


def opened(scene: Scene) -> Generation:
    generation = reopen(scene.table, id_of(None))
    assert generation
    return generation


def test_failed_version_when_opened_again_keeps_what_is_done_and_goes_on_where_it_failed(scene: Scene) -> None:
    """The counts in the end are those of a load without a failure."""
    failed(scene)
    assert opened(scene) == scene.seen()
    seen = scene.seen()
    assert (seen.state, seen.chunks_done, seen.reopened, seen.code, seen.ended_at) == ("PLANNED", 1, 1, None, None)
    assert seen.counts["read"] == 14
    assert [each.id for each in scene.ledger.open()] == [seen.id]
    assert "expires_at" not in scene.table.items[meta_key(seen.id)]
    assert scene.ledger.claim(seen.id, 0, LEASE) == Ended(seen.id, "PLANNED")
    going_on = scene.claim(1)
    assert (going_on.chunk.offset, going_on.chunk.line, going_on.chunk.counts["read"]) == (40, 5, 4)
    scene.ledger.commit(going_on, replace(HALF, offset=None, line=None))
    assert scene.ledger.commit(scene.claim(2), DONE) == Committed(None, "LOADED")
    assert (scene.seen().counts["read"], scene.seen().bytes, scene.seen().leases) == (28, 280, 0)


def test_chunk_that_was_given_up_has_all_its_attempts_again(scene: Scene) -> None:
    """Else it would be given up at the next."""
    claim = scene.planned()
    for _ in range(5):
        scene.clock.sleep(OVER_S)
        claim = scene.claim(0)
    scene.ledger.end(claim, Ending("FAILED", "GIVEN_UP"))
    opened(scene)
    assert scene.claim(0).chunk.attempt == 1


def test_chunks_that_stopped_at_a_limit_go_on_where_they_stopped(scene: Scene) -> None:
    """What they counted stays; those that were read to their end stay done, and the version stays partial for them."""
    scene.ledger.commit(scene.planned(), DONE)
    scene.ledger.commit(scene.claim(1), STOPPED)
    assert scene.ledger.commit(scene.claim(2), DONE) == Committed(None, "PARTIAL")
    opened(scene)
    assert [chunk.state for chunk in chunks(scene)] == ["DONE", "PENDING", "DONE"]
    assert scene.claim(1).chunk.offset == 40
    assert scene.seen().chunks_done == 2
    scene.clock.sleep(OVER_S)
    assert scene.ledger.commit(scene.claim(1), replace(HALF, offset=None)) == Committed(None, "LOADED")
    assert scene.seen().counts["read"] == 28


def test_version_whose_last_chunk_is_over_the_limit_only_at_its_end_is_not_opened_again(scene: Scene) -> None:
    """All of it was read: there is nothing to go on with."""
    scene.ledger.commit(scene.planned(), DONE)
    scene.ledger.commit(scene.claim(1), DONE)
    scene.ledger.commit(scene.claim(2), replace(DONE, is_partial=True))
    assert reopen(scene.table, id_of(None)) is None
    assert scene.seen().state == "PARTIAL"


@pytest.mark.parametrize("state", ["PLANNED", "LOADED", "MISSING", "BLOCKED", "SKIPPED"])
def test_version_in_another_state_is_left_as_it_is(scene: Scene, state: str) -> None:
    """Nothing is left of it, or it is open."""
    claim = scene.planned()
    match state:
        case "LOADED":
            scene.ledger.commit(claim, DONE)
            scene.ledger.commit(scene.claim(1), DONE)
            scene.ledger.commit(scene.claim(2), DONE)
        case "MISSING" | "BLOCKED" | "SKIPPED":
            scene.ledger.end(claim, Ending(state))  # type: ignore[arg-type]  # one of them
    before = copy.deepcopy(scene.table.items)
    assert (reopen(scene.table, id_of(None)), reopen(scene.table, "0" * 32)) == (None, None)
    assert (scene.table.items, scene.seen().state) == (before, state)


@pytest.mark.parametrize("by", ["version", "replay"])
def test_version_is_not_opened_again_once_another_counts(scene: Scene, by: str) -> None:
    """It would write after the newer one."""
    failed(scene)
    begun = scene.begin(version(2)) if by == "version" else scene.begin(job=replace(JOB, found_by="replay", replay=Replay(id_of(None), 1)))
    assert isinstance(begun, Claim)
    assert reopen(scene.table, id_of(None)) is None
    assert scene.seen().state == "FAILED"


@pytest.mark.parametrize("at", range(6))
def test_newer_version_that_arrives_meanwhile_counts(scene: Scene, at: int) -> None:
    """At whatever moment: the older one is never given a lease after it."""
    failed(scene)
    other = Ledger(scene.table)
    scene.table.around = At(at, lambda: other.begin(version(2), JOB, lease=LEASE) and None)
    reopened = reopen(scene.table, id_of(None))
    scene.table.around = lambda operation, is_done: None
    assert isinstance(scene.begin(version(2)), Busy)
    assert scene.head().generation == id_of(version(2))
    assert scene.seen().state == ("FAILED" if reopened is None else "SUPERSEDED")
    assert not isinstance(scene.ledger.claim(id_of(None), 2, LEASE), Claim)


def test_worker_that_has_not_heard_of_the_end_goes_on(scene: Scene) -> None:
    """Its lease holds, and its counts are added once."""
    scene.planned()
    working = scene.claim(1)
    scene.ledger.end(scene.claim(2), Ending("FAILED", "DEFECT"))
    assert (opened(scene).leases, scene.seen().state) == (2, "PLANNED")
    assert isinstance(scene.ledger.claim(id_of(None), 1, LEASE), Busy)
    assert scene.ledger.commit(working, DONE) == Committed(None, "PLANNED")
    assert (scene.seen().counts["read"], scene.seen().leases) == (10, 1)
    scene.clock.sleep(LEASE_S)
    assert isinstance(scene.begin(version(2)), Busy | Claim)


def test_more_chunks_than_fit_a_transaction_are_put_back_whoever_dies_meanwhile(scene: Scene) -> None:
    """Until all are, it stays ended; asked again it goes on."""
    total = 250
    claim = scene.ledger.plan(scene.claimed(), [Span(number * 100, (number + 1) * 100, number * 10 + 1) for number in range(total)])
    assert isinstance(claim, Claim)
    scene.ledger.commit(claim, STOPPED)
    for number in range(1, total):
        scene.ledger.commit(scene.claim(number), STOPPED)
    before = copy.deepcopy(scene.table.items)
    for at in count():
        scene.table.items |= copy.deepcopy(before)
        scene.table.around = Kill(at)
        try:
            opened(scene)
        except Killed:
            scene.table.around = lambda operation, is_done: None
            assert scene.seen().state == "PARTIAL" or at > 0
            reopen(scene.table, id_of(None))
        else:
            break
        seen = scene.seen()
        assert (seen.state, seen.chunks_done, seen.reopened, seen.counts["read"]) == ("PLANNED", 0, 1, 4 * total)
        assert {chunk.state for chunk in chunks(scene)} == {"PENDING"}
    assert at > 8
