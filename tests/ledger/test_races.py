"""Two or three processes on one object at the same time, in every order of their calls to the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from headrace.ledger.entries import Generation
from headrace.ledger.ledger import Ledger
from headrace.ledger.results import Answer, Busy, Claim, Committed, Duplicate, Ended, Ending, Lease, LeaseLost, Superseded
from headrace.ports import ObjectRef
from ledger.interleave import Task, interleavings
from ledger.kills import Kill, Killed
from ledger.scene import DONE, HALF, JOB, LEASE, OVER_S, SPANS, Scene, id_of, version


def begin(ref: ObjectRef) -> Task:
    return lambda ledger: ledger.begin(ref, JOB, lease=LEASE)


def claim(number: int) -> Task:
    return lambda ledger: ledger.claim(id_of(None), number, Lease("other", 60.0))


def commit(held: Claim) -> Task:
    return lambda ledger: ledger.commit(held, DONE)


def race(prepare: Callable[[Scene], list[Task]]) -> list[tuple[Scene, list[Any]]]:
    """All ends of a race that starts as ``prepare`` leaves the scene."""

    def prepared() -> tuple[Scene, list[Task]]:
        scene = Scene()
        return scene, prepare(scene)

    return list(interleavings(prepared))


def leases_are_counted(scene: Scene) -> bool:
    """Each generation counts the leases that its chunks show, and the records that they show."""
    for generation in scene.generations():
        chunks = list(scene.ledger.chunks(generation.id))
        if generation.leases != sum(chunk.leased_until is not None for chunk in chunks):
            return False
        if generation.counts.get("read", 0) != sum(chunk.counts.get("read", 0) for chunk in chunks):
            return False
    return True


def open_generations(scene: Scene) -> list[Generation]:
    return [each for each in scene.generations() if not each.is_final]


def test_two_events_of_one_upload_at_once_give_one_lease() -> None:
    """Fault 1, at the same moment."""
    ends = race(lambda scene: [begin(version(1)), begin(version(1, is_eventbridge=True))])
    assert len(ends) >= 6
    for scene, results in ends:
        assert Counter(map(type, results)) == {Claim: 1, Busy: 1}
        assert leases_are_counted(scene)


def test_two_versions_at_once_end_with_the_newer_one_counting() -> None:
    """Whoever comes first: never do both have a lease, unless the older one's was given before the newer one was seen."""
    for scene, (older, newer) in race(lambda scene: [begin(version(1)), begin(version(2))]):
        assert scene.head().generation == id_of(version(2))
        assert scene.seen(version(1)).state == "SUPERSEDED"
        assert (isinstance(older, Claim), isinstance(newer, Claim)) in ((True, False), (False, True))
        assert leases_are_counted(scene)


def test_three_versions_at_once_give_at_most_one_lease() -> None:
    """And exactly the newest stays open."""
    ends = race(lambda scene: [begin(version(1)), begin(version(3)), begin(version(2))])
    assert len(ends) > 100
    for scene, results in ends:
        assert sum(isinstance(result, Claim) for result in results) <= 1
        assert [each.ref for each in open_generations(scene)] == [version(3)]
        assert scene.head().generation == id_of(version(3))


def test_commit_and_a_newer_version_at_once_settle_which_was_first() -> None:
    """Either the older one is loaded and the newer one begins, or the older one is told and is not counted."""
    seen = set()
    for scene, (done, begun) in race(lambda scene: [commit(scene.claimed()), begin(version(2))]):
        loaded = scene.seen(version(1)).state == "LOADED"
        seen.add(loaded)
        assert done == (Committed(None, "LOADED") if loaded else Superseded(id_of(None)))
        assert scene.seen(version(1)).counts == (DONE.counts if loaded else {})
        assert isinstance(begun, Claim) or not loaded
        assert scene.seen(version(1)).leases == 0
    assert seen == {True, False}


def test_claim_of_a_chunk_and_a_newer_version_at_once_never_both_get_a_lease() -> None:
    """Fault 30: the newer one either sees the lease, or it is not given."""

    def prepare(scene: Scene) -> list[Task]:
        scene.ledger.give_back(scene.planned())
        return [claim(1), begin(version(2))]

    seen = Counter((type(claimed), type(begun)) for _, (claimed, begun) in race(prepare))
    assert set(seen) == {(Claim, Busy), (Superseded, Claim)}


@pytest.mark.parametrize("how", ["given back", "over"])
def test_chunk_that_is_free_again_and_a_newer_version_at_once_never_both_get_a_lease(how: str) -> None:
    """The newer one saw that nobody is at work; by the time it begins somebody may be."""

    def prepare(scene: Scene) -> list[Task]:
        held = scene.claimed()
        if how == "given back":
            scene.ledger.give_back(held)
        else:
            scene.clock.sleep(OVER_S)
        return [claim(0), begin(version(2))]

    seen = Counter((type(claimed), type(begun)) for _, (claimed, begun) in race(prepare))
    assert set(seen) == {(Claim, Busy), (Superseded, Claim)}


def test_leases_of_different_lengths_given_at_once_are_all_waited_for() -> None:
    """The generation knows the latest end, whichever was given last."""

    def prepare(scene: Scene) -> list[Task]:
        scene.ledger.give_back(scene.planned())
        scene.claim(0)
        return [lambda ledger: ledger.claim(id_of(None), 1, Lease("long", 600.0)), lambda ledger: ledger.claim(id_of(None), 2, Lease("longer", 700.0))]

    for scene, _ in race(prepare):
        assert scene.begin(version(2)) == Busy(705)


def test_answers_of_s3_that_differ_at_once_are_followed_once() -> None:
    """The version either counts or is superseded, for good."""

    def prepare(scene: Scene) -> list[Task]:
        scene.ledger.commit(scene.claimed(), DONE)
        ref = version(2, sequencer=None)

        def with_answer(is_current: bool) -> Task:
            return lambda ledger: ledger.begin(ref, JOB, lease=LEASE, answer=Answer(id_of(None), is_current))

        return [with_answer(True), with_answer(False)]

    seen = Counter((type(current), type(superseded)) for _, (current, superseded) in race(prepare))
    assert set(seen) == {(Claim, Busy), (Duplicate, Superseded)}


def test_two_who_take_over_a_dead_worker_s_chunk_at_once_give_one_lease() -> None:
    def prepare(scene: Scene) -> list[Task]:
        scene.claimed()
        scene.clock.sleep(OVER_S)
        return [claim(0), begin(version(1)), claim(0)]

    for scene, results in race(prepare):
        assert Counter(map(type, results)) == {Claim: 1, Busy: 2}
        assert leases_are_counted(scene)


def test_takeover_and_the_late_commit_of_the_one_taken_over_at_once_count_once() -> None:
    """Fault 29."""

    def prepare(scene: Scene) -> list[Task]:
        late = scene.claimed()
        scene.clock.sleep(OVER_S)
        return [commit(late), claim(0)]

    seen = Counter((type(done), type(taken)) for _, (done, taken) in race(prepare))
    assert set(seen) == {(Committed, Ended), (LeaseLost, Claim)}


def test_last_two_chunks_done_at_once_end_the_generation_once() -> None:
    def prepare(scene: Scene) -> list[Task]:
        scene.ledger.commit(scene.planned(), DONE)
        return [commit(scene.claim(1)), commit(scene.claim(2))]

    for scene, results in race(prepare):
        assert scene.seen().state == "LOADED"
        assert scene.seen().counts["read"] == 30
        assert Committed(None, "LOADED") in results
        assert leases_are_counted(scene)


def test_end_of_a_done_generation_and_a_newer_version_at_once_agree() -> None:
    """Whichever is first counts; a final state is never left."""

    def prepare(scene: Scene) -> list[Task]:
        scene.ledger.give_back(scene.planned())
        for number in range(3):
            held = scene.claim(number)
            scene.table.around = Kill(1)  # after the commit, before the end
            with suppress(Killed):
                scene.ledger.commit(held, DONE)
            scene.table.around = lambda operation, is_done: None
        return [lambda ledger: ledger.finish(id_of(None)), begin(version(2))]

    seen = set()
    for scene, (finished, begun) in race(prepare):
        assert finished == scene.seen(version(1))
        assert isinstance(begun, Claim)
        seen.add(finished.state)
    assert seen == {"LOADED", "SUPERSEDED"}


@pytest.mark.parametrize("other", ["newer version", "commit"])
def test_stop_from_outside_and_an_end_at_once_never_leave_a_final_state(other: str) -> None:
    def prepare(scene: Scene) -> list[Task]:
        held = scene.claimed()
        return [lambda ledger: ledger.end_unclaimed(id_of(None), Ending("PAUSED", "LIMIT")), commit(held) if other == "commit" else begin(version(2))]

    for scene, _ in race(prepare):
        assert scene.seen(version(1)).state == ("LOADED" if other == "commit" else "SUPERSEDED")


def test_same_commit_twice_at_once_counts_once() -> None:
    """A worker that hears nothing and sends again may be answered twice."""

    def prepare(scene: Scene) -> list[Task]:
        held = scene.claimed()
        return [commit(held), commit(held), lambda ledger: ledger.commit(held, DONE)]

    for scene, results in race(prepare):
        assert results == [Committed(None, "LOADED")] * 3
        assert scene.seen().counts["read"] == 10


def test_plan_and_a_newer_version_at_once_leave_no_lease_behind() -> None:
    """The planner is told, or what it planned is superseded; the newer one need not wait for long."""

    def prepare(scene: Scene) -> list[Task]:
        held = scene.claimed()
        return [lambda ledger: ledger.plan(held, SPANS), begin(version(2))]

    for scene, (planned, begun) in race(prepare):
        assert isinstance(planned, Claim | Superseded)
        assert scene.seen(version(1)).state == "SUPERSEDED"
        assert scene.ledger.claim(id_of(None), 1, LEASE) == Superseded(id_of(None))
        if isinstance(planned, Superseded):
            assert scene.seen(version(1)).leases == 0
        assert isinstance(begun, Claim | Busy)


def test_failure_of_one_chunk_and_commit_of_the_last_other_at_once_agree() -> None:
    def prepare(scene: Scene) -> list[Task]:
        scene.ledger.commit(scene.planned(), DONE)
        failing, last = scene.claim(1), scene.claim(2)
        return [lambda ledger: ledger.end(failing, Ending("FAILED", "BAD_ROW")), commit(last)]

    for scene, (ended, done) in race(prepare):
        assert scene.seen().state == "FAILED"
        assert ended == Ended(id_of(None), "FAILED")
        assert done in (Committed(None, "LOADING"), Committed(None, "FAILED"), Ended(id_of(None), "FAILED"))
        assert leases_are_counted(scene)


def test_third_version_and_the_start_of_the_waiting_second_at_once_give_one_lease() -> None:
    """The second begins the moment that the first one's worker is gone, while the third arrives."""

    def prepare(scene: Scene) -> list[Task]:
        scene.claimed(version(1))
        scene.begin(version(2))
        scene.clock.sleep(OVER_S)
        return [begin(version(2)), begin(version(3))]

    seen = Counter((type(second), type(third)) for _, (second, third) in race(prepare))
    assert set(seen) == {(Claim, Busy), (Duplicate, Claim)}


def test_extension_and_a_newer_version_at_once_never_outlive_the_wait() -> None:
    """A lease is extended before the newer one is seen, and then waited for, or not at all."""

    def prepare(scene: Scene) -> list[Task]:
        held = scene.claimed()
        scene.clock.sleep(50)

        def extend(ledger: Ledger) -> Any:
            return ledger.commit(held, HALF, extend=LEASE)

        return [extend, begin(version(2))]

    for scene, (kept, begun) in race(prepare):
        waited = scene.begin(version(2))
        if isinstance(kept, Committed):
            assert waited == Busy(65)
            assert isinstance(begun, Busy)
        else:
            assert kept == Superseded(id_of(None))
            assert isinstance(waited, Claim)
