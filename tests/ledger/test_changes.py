"""What the holder of a lease does: commit, plan, give back, end; and what others see of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headrace.errors import Unavailable
from headrace.ledger.results import Busy, Committed, Ended, Ending, Lease, LeaseLost, Progress, Superseded, Unknown
from headrace.ledger.store import ConditionFailed
from ledger.scene import DONE, HALF, LEASE, LEASE_S, OVER_S, SPANS, Scene, id_of, version


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_commit_of_every_chunk_ends_the_generation_with_all_counts(scene: Scene) -> None:
    """The last one ends it, whichever it is."""
    scene.ledger.give_back(scene.planned())
    assert scene.seen().state == "PLANNED"
    for number, state in ((2, "LOADING"), (0, "LOADING"), (1, "LOADED")):
        assert scene.ledger.commit(scene.claim(number), DONE) == Committed(None, state)  # type: ignore[arg-type]  # one of them
    seen = scene.seen()
    assert (seen.counts["read"], seen.bytes, seen.chunks_done, seen.leases) == (30, 300, 3, 0)
    assert [chunk.state for chunk in scene.ledger.chunks(seen.id)] == ["DONE"] * 3


def test_commit_of_a_chunk_over_its_limit_makes_the_generation_partial(scene: Scene) -> None:
    """Also where it is in another chunk than the last; the chunk is done, and keeps where it stopped."""
    assert scene.ledger.commit(scene.planned(), replace(HALF, is_partial=True), extend=LEASE) == Committed(None, "PLANNED")
    first = next(scene.ledger.chunks(id_of(None)))
    assert (first.state, first.offset, first.line) == ("DONE", 40, 5)
    scene.ledger.commit(scene.claim(1), DONE)
    assert scene.ledger.commit(scene.claim(2), DONE) == Committed(None, "PARTIAL")
    single = Scene()
    assert single.ledger.commit(single.claimed(), replace(DONE, is_partial=True)) == Committed(None, "PARTIAL")


def test_commit_with_a_checkpoint_keeps_or_gives_back_the_lease(scene: Scene) -> None:
    claim = scene.claimed()
    scene.clock.sleep(30)
    kept = scene.ledger.commit(claim, HALF, extend=LEASE)
    assert isinstance(kept, Committed)
    assert kept.claim
    assert (kept.claim.chunk.leased_until, kept.state) == (scene.clock.now() + LEASE_S, "LOADING")
    assert scene.begin() == Busy(65)
    assert scene.ledger.commit(kept.claim, replace(HALF, rejects="s3://rejects/2")) == Committed(None, "LOADING")
    claim = scene.claimed()
    assert (claim.chunk.counts["read"], claim.chunk.bytes, claim.chunk.rejects) == (8, 80, ("s3://rejects/2",))


def test_commit_when_repeated_counts_once(scene: Scene) -> None:
    """However often, and also for a checkpoint: the answer is the same."""
    claim = scene.claimed()
    first = scene.ledger.commit(claim, HALF, extend=LEASE)
    assert isinstance(first, Committed)
    for _ in range(3):
        again = scene.ledger.commit(claim, HALF, extend=LEASE)
        assert isinstance(again, Committed)
        assert again.claim
        assert first.claim
        assert again.claim.chunk == first.claim.chunk
    assert again.claim
    for _ in range(3):
        assert scene.ledger.commit(again.claim, DONE) == Committed(None, "LOADED")
    assert (scene.seen().counts["read"], scene.seen().chunks_done, scene.seen().leases) == (14, 1, 0)


def test_change_with_a_claim_that_was_used_is_refused(scene: Scene) -> None:
    """A claim is good for one change; only the same change is taken for its repetition."""
    claim = scene.claimed()
    kept = scene.ledger.commit(claim, HALF, extend=LEASE)
    assert scene.ledger.commit(claim, DONE) == LeaseLost()
    assert scene.ledger.give_back(claim) == LeaseLost()
    assert scene.ledger.end(claim, Ending("FAILED", "X")) == LeaseLost()
    assert scene.ledger.plan(claim, SPANS) == LeaseLost()
    assert isinstance(kept, Committed)
    assert kept.claim
    assert scene.ledger.give_back(kept.claim) is None
    assert scene.ledger.give_back(kept.claim) is None
    assert scene.ledger.commit(kept.claim, DONE) == LeaseLost()
    assert (scene.seen().counts, scene.seen().leases) == (HALF.counts, 0)


def test_attempts_are_counted_since_the_last_progress_and_not_where_the_lease_was_given_back(scene: Scene) -> None:
    """Who comes again for hours because the table throttles, or because of a missing permission, is not given up; who dies again and again is."""
    for attempt in (1, 2, 3):
        assert scene.claimed().chunk.attempt == attempt
        scene.clock.sleep(OVER_S)
    for _ in range(3):
        claim = scene.claimed()
        assert claim.chunk.attempt == 4
        scene.ledger.give_back(claim)
        scene.ledger.end(claim := scene.claimed(), Ending("BLOCKED", "TABLE_DENIED"))
        assert claim.chunk.attempt == 4
    kept = scene.ledger.commit(scene.claimed(), HALF, extend=LEASE)
    assert isinstance(kept, Committed)
    assert kept.claim
    assert kept.claim.chunk.attempt == 0
    scene.ledger.give_back(kept.claim)
    assert scene.claimed().chunk.attempt == 1


def test_progress_within_a_row_group_counts_though_all_its_rows_have_one_offset(scene: Scene) -> None:
    """Else a row group that takes more than so many invocations would be given up."""
    for line in (5, 9):
        claim = scene.claimed()
        scene.clock.sleep(OVER_S)
        claim = scene.claimed()
        assert claim.chunk.attempt == 2
        committed = scene.ledger.commit(claim, Progress({"read": 4}, offset=4, line=line))
        assert isinstance(committed, Committed)
    assert scene.claimed().chunk.attempt == 1


def test_attempts_go_on_counting_when_who_gave_back_says_so(scene: Scene) -> None:
    """All the time of an invocation and no record safe: so it would go the next time."""
    for attempt in (1, 2):
        claim = scene.claimed()
        assert claim.chunk.attempt == attempt
        assert scene.ledger.give_back(claim, is_attempt=True) is None


def test_attempts_go_on_counting_when_a_commit_brought_nothing(scene: Scene) -> None:
    """A slice that ends where it began is no progress, however often it is committed."""
    for attempt in (1, 2):
        claim = scene.claimed()
        assert claim.chunk.attempt == attempt
        scene.ledger.commit(claim, replace(HALF, counts={}, bytes=0, offset=0, line=1))


def test_commit_after_somebody_took_over_is_refused(scene: Scene) -> None:
    """Fault 29: its records are written again by the one who has the lease, and counted there."""
    dead = scene.claimed()
    scene.clock.sleep(OVER_S)
    alive = scene.claimed()
    assert scene.ledger.commit(dead, DONE) == LeaseLost()
    assert scene.ledger.give_back(dead) == LeaseLost()
    assert scene.ledger.commit(alive, DONE) == Committed(None, "LOADED")
    assert scene.ledger.commit(dead, DONE) == Ended(id_of(None), "LOADED")
    assert scene.seen().counts["read"] == 10


def test_commit_after_the_lease_was_over_counts_if_nobody_took_it(scene: Scene) -> None:
    """Work that is done is not thrown away."""
    claim = scene.claimed()
    scene.clock.sleep(OVER_S)
    assert scene.ledger.commit(claim, DONE) == Committed(None, "LOADED")


def test_commit_when_another_chunk_failed_the_generation_says_so(scene: Scene) -> None:
    planned = scene.planned()
    other = scene.claim(1)
    scene.ledger.end(planned, Ending("FAILED", "BAD_ROW", "line 7", "mend it"))
    assert scene.ledger.commit(other, DONE) == Ended(id_of(None), "FAILED")
    assert (scene.seen().counts, scene.seen().leases) == ({}, 0)
    assert [chunk.state for chunk in scene.ledger.chunks(id_of(None))] == ["FAILED", "PENDING", "PENDING"]
    assert scene.ledger.claim(id_of(None), 2, LEASE) == Ended(id_of(None), "FAILED")


def test_commit_while_the_generation_is_paused_counts_and_ends_it(scene: Scene) -> None:
    """A brake holds what would begin, not what is done."""
    claim = scene.claimed()
    scene.ledger.end_unclaimed(id_of(None), Ending("PAUSED", "LIMIT_BYTES"))
    assert isinstance(scene.ledger.commit(claim, HALF), Committed)
    assert (scene.seen().state, scene.seen().counts) == ("PAUSED", HALF.counts)
    assert scene.ledger.commit(scene.claimed(), DONE) == Committed(None, "LOADED")


def test_claim_answers_what_the_message_is_worth(scene: Scene) -> None:
    """Fault 53: a forged message names what is not there."""
    assert scene.ledger.claim(id_of(None), 0, LEASE) == Unknown()
    scene.planned()
    claim = scene.claim(1)
    assert (claim.chunk.start, claim.chunk.end, claim.chunk.first_line) == (100, 200, 11)
    assert scene.ledger.claim(id_of(None), 1, LEASE) == Busy(65)
    assert scene.ledger.claim(id_of(None), 3, LEASE) == Unknown()
    scene.ledger.commit(claim, DONE)
    assert scene.ledger.claim(id_of(None), 1, LEASE) == Ended(id_of(None), "LOADING")
    scene.begin(version(2))
    assert scene.ledger.claim(id_of(None), 2, LEASE) == Superseded(id_of(None))


def test_lease_of_another_length_never_shortens_what_others_wait_for(scene: Scene) -> None:
    """A newer version waits for the latest of all leases."""
    scene.planned()
    scene.ledger.claim(id_of(None), 1, Lease("long", 600))
    scene.claim(2)
    assert scene.begin(version(2)) == Busy(605)


def test_store_that_never_lets_us_in_is_an_error_that_may_pass(scene: Scene) -> None:
    """Bounded, and said where."""

    def refuse(writes: object) -> None:
        raise ConditionFailed(0, ("g#x", "meta"), None)

    claim = scene.claimed()
    scene.table.transact = refuse  # type: ignore[method-assign]  # a store of its own would say the same
    for call in (lambda: scene.begin(version(2)), lambda: scene.ledger.commit(claim, DONE)):
        with pytest.raises(Unavailable) as caught:
            call()
        assert caught.value.code == "LEDGER_CONTENDED"
