"""An event arrives: which of the versions counts, and who may work on it."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from headrace.errors import ObjectError
from headrace.ledger.results import Ambiguous, Answer, Busy, Claim, Committed, Duplicate, Ended, Ending, Lease, Progress, Superseded, Unknown
from ledger.scene import DONE, HALF, JOB, LEASE, LEASE_S, OVER_S, SPANS, Scene, id_of, version


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_begin_when_nothing_is_known_gives_the_lease_in_one_write(scene: Scene) -> None:
    """Small objects cost two writes: begin and commit."""
    claim = scene.claimed()
    assert (claim.generation.state, claim.chunk.owner, claim.chunk.attempt) == ("LOADING", "worker", 1)
    assert claim.chunk.leased_until == scene.clock.now() + LEASE_S
    assert scene.seen() == claim.generation
    assert scene.table.calls[:2] == ["get", "transact"]
    result = scene.ledger.commit(claim, DONE)
    assert result == Committed(None, "LOADED")
    assert scene.writes() == 2
    seen = scene.seen()
    assert (seen.state, seen.counts, seen.bytes, seen.leases, seen.chunks_done) == ("LOADED", DONE.counts, 100, 0, 1)
    assert (seen.received_at, seen.ended_at) == ("2023-11-14T22:13:20Z", "2023-11-14T22:13:20Z")


def test_begin_when_the_version_is_loaded_is_a_duplicate_and_changes_nothing_else(scene: Scene) -> None:
    """Fault 1, 34, 40: one count, no write to anything else, whatever form the event has."""
    scene.ledger.commit(scene.claimed(), DONE)
    before = {key: dict(item) for key, item in scene.table.items.items()}
    for ref in (version(1), version(1, is_eventbridge=True), version(1, sequencer=None)):
        assert scene.begin(ref) == Duplicate(id_of(None), "LOADED")
    meta = before[f"g#{id_of(None)}", "meta"]
    assert scene.table.items == before | {("g#" + id_of(None), "meta"): meta | {"duplicates": 3}}


def test_begin_when_somebody_has_the_lease_is_busy_until_it_is_surely_over(scene: Scene) -> None:
    """Faults 27 to 29: the margin covers what two readings of the table's clock may differ by."""
    scene.claimed()
    assert scene.begin(lease=Lease("other", LEASE_S)) == Busy(65)
    scene.clock.sleep(LEASE_S + 4.9)
    assert isinstance(scene.begin(), Busy)
    scene.clock.sleep(0.2)
    claim = scene.begin(lease=Lease("other", LEASE_S))
    assert isinstance(claim, Claim)
    assert (claim.chunk.owner, claim.chunk.attempt, scene.seen().leases) == ("other", 2, 1)


def test_begin_after_a_crash_goes_on_from_the_checkpoint(scene: Scene) -> None:
    """What was committed is not read again."""
    kept = scene.ledger.commit(scene.claimed(), HALF, extend=LEASE)
    assert isinstance(kept, Committed)
    scene.clock.sleep(OVER_S)
    claim = scene.claimed()
    assert (claim.chunk.offset, claim.chunk.line, claim.chunk.counts, claim.chunk.attempt) == (40, 5, HALF.counts, 1)
    scene.ledger.commit(claim, DONE)
    assert scene.seen().counts == {"read": 14, "written": 13, "rejected": 1, "write_units": 6.5}


def test_begin_of_a_newer_version_when_the_older_is_done_starts_at_once(scene: Scene) -> None:
    scene.ledger.commit(scene.claimed(version(1)), DONE)
    writes = scene.writes()
    assert isinstance(scene.begin(version(2)), Claim)
    assert scene.writes() == writes + 1
    assert (scene.head().generation, scene.seen(version(1)).state) == (id_of(version(2)), "LOADED")


def test_begin_of_a_newer_version_waits_for_the_workers_of_the_older(scene: Scene) -> None:
    """Fault 30: the older one is superseded at once, but its worker may still be writing until its lease is over."""
    scene.claimed(version(1))
    assert scene.begin(version(2)) == Busy(65)
    assert (scene.seen(version(1)).state, scene.seen(version(2)).state) == ("SUPERSEDED", "RECEIVED")
    assert scene.head().generation == id_of(version(2))
    assert scene.ledger.claim(id_of(version(2)), 0, LEASE) == Busy(65)
    scene.clock.sleep(OVER_S)
    claim = scene.claimed(version(2))
    assert (claim.generation.after, scene.seen(version(2)).after, scene.seen(version(2)).state) == (None, None, "LOADING")


@pytest.mark.parametrize("how", ["commit", "checkpoint", "extend", "give back", "end"])
def test_worker_of_an_older_version_is_told_and_its_lease_is_free(scene: Scene, how: str) -> None:
    """Nobody waits longer than until the older worker's next word; its counts are not added any more."""
    old = scene.claimed(version(1))
    scene.begin(version(2))
    match how:
        case "give back":
            assert scene.ledger.give_back(old) is None
        case "end":
            assert scene.ledger.end(old, Ending("BLOCKED", "DENIED")) == Superseded(id_of(version(1)))
        case _:
            progress = DONE if how == "commit" else HALF
            assert scene.ledger.commit(old, progress, extend=LEASE if how == "extend" else None) == Superseded(id_of(version(1)))
    assert (scene.seen(version(1)).counts, scene.seen(version(1)).leases) == ({}, 0)
    assert isinstance(scene.begin(version(2)), Claim)


def test_begin_of_a_third_version_waits_for_the_first_through_the_second(scene: Scene) -> None:
    """A version that waits has no workers, so who comes after it waits for the same one."""
    first = scene.claimed(version(1))
    scene.begin(version(2))
    assert isinstance(scene.begin(version(3)), Busy)
    assert (scene.seen(version(2)).state, scene.seen(version(3)).after) == ("SUPERSEDED", id_of(version(1)))
    assert scene.begin(version(2)) == Duplicate(id_of(version(2)), "SUPERSEDED")
    scene.ledger.give_back(first)
    assert isinstance(scene.begin(version(3)), Claim)


def test_begin_of_a_third_version_when_the_second_waits_in_vain_starts_at_once(scene: Scene) -> None:
    scene.claimed(version(1))
    scene.begin(version(2))
    scene.clock.sleep(OVER_S)
    assert isinstance(scene.begin(version(3)), Claim)
    assert scene.seen(version(2)).state == "SUPERSEDED"


def test_begin_of_a_newer_version_waits_for_workers_of_a_failed_one(scene: Scene) -> None:
    """A generation that ended may have chunks whose workers do not know it yet."""
    planned = scene.planned(version(1))
    scene.claim(1)
    scene.ledger.end(planned, Ending("FAILED", "BAD_FILE"))
    assert isinstance(scene.begin(version(2)), Busy)
    scene.clock.sleep(OVER_S)
    assert isinstance(scene.begin(version(2)), Claim)


def test_begin_of_an_older_version_is_kept_as_superseded_once(scene: Scene) -> None:
    """Fault 2: no lease, no write to the head, and its duplicate is one."""
    scene.claimed(version(2))
    assert scene.begin(version(1)) == Superseded(id_of(version(1)))
    assert scene.begin(version(1)) == Duplicate(id_of(version(1)), "SUPERSEDED")
    assert scene.head().generation == id_of(version(2))
    assert sorted(each.state for each in scene.generations()) == ["LOADING", "SUPERSEDED"]


@pytest.mark.parametrize("ref", [version(2, sequencer=None), version(2, sequencer="99"), version(2, sequencer="no number"), version(2, sequencer="f" * 31)])
@pytest.mark.parametrize("is_current", [True, False])
def test_begin_when_only_s3_can_tell_asks_and_follows_the_answer(scene: Scene, ref: object, is_current: bool) -> None:
    """Fault 3."""
    assert isinstance(ref, type(version(1)))
    scene.ledger.commit(scene.claimed(version(1)), DONE)
    asked = scene.begin(ref)
    assert asked == Ambiguous(id_of(version(1)))
    begun = scene.begin(ref, answer=Answer(id_of(version(1)), is_current))
    assert isinstance(begun, Claim if is_current else Superseded)
    assert scene.head().generation == id_of(ref if is_current else version(1))


def test_answer_about_a_head_that_has_moved_on_counts_for_nothing(scene: Scene) -> None:
    """Between the question to S3 and its answer a newer version may have arrived."""
    scene.claimed(version(1))
    ref = version(2, sequencer=None)
    scene.begin(ref)
    scene.begin(version(3))
    assert scene.begin(ref, answer=Answer(id_of(version(1)), True)) == Ambiguous(id_of(version(3)))
    assert scene.head().generation == id_of(version(3))


def test_upload_found_without_sequencer_is_the_one_its_event_names(scene: Scene) -> None:
    """A sweep, or MinIO, gives none; without version ids the content tells, in both orders of arrival."""
    event, swept = version(1, version_id=None), version(1, version_id=None, sequencer=None)
    for first, second in ((event, swept), (swept, event)):
        each = Scene()
        each.ledger.commit(each.claimed(first), DONE)
        assert each.begin(second) == Duplicate(id_of(first), "LOADED")
    scene.ledger.commit(scene.claimed(swept), DONE)
    assert scene.begin(version(1, version_id=None, etag="other")) == Ambiguous(id_of(swept))


def test_same_content_uploaded_again_is_a_version_of_its_own(scene: Scene) -> None:
    scene.ledger.commit(scene.claimed(version(1, version_id=None)), DONE)
    assert isinstance(scene.begin(version(2, version_id=None, etag="etag1", size=100)), Claim)


def test_begin_when_the_history_of_the_head_is_deleted_is_still_a_duplicate(scene: Scene) -> None:
    """Else a sweep would load everything again after 400 days; a newer version takes its place as ever."""
    scene.ledger.commit(scene.claimed(version(1)), DONE)
    for key in [key for key in scene.table.items if key[0].startswith("g#")]:
        del scene.table.items[key]
    assert scene.begin(version(1)) == Duplicate(id_of(version(1)), None)
    assert isinstance(scene.begin(version(2)), Claim)


def test_begin_of_what_nothing_pins_is_refused_with_what_to_do(scene: Scene) -> None:
    with pytest.raises(ObjectError) as caught:
        scene.begin(version(1, version_id=None, etag=None))
    assert (caught.value.code, "HeadObject" in caught.value.hint) == ("OBJECT_UNPINNED", True)


def test_generation_keeps_the_config_it_began_with(scene: Scene) -> None:
    """Fault 48: all chunks of an object use one config, also after a deployment in between."""
    claim = scene.claimed()
    scene.ledger.give_back(claim)
    again = scene.begin(job=replace(JOB, config_hash="new", route="other"))
    assert isinstance(again, Claim)
    assert (again.generation.config_hash, again.generation.route) == ("c0ffee", "orders")


@pytest.mark.parametrize("state", ["BLOCKED", "WAITING_RESTORE", "PAUSED"])
def test_stopped_generation_goes_on_when_it_is_begun_again(scene: Scene, state: str) -> None:
    """From its checkpoint, with its reasons forgotten."""
    kept = scene.ledger.commit(scene.claimed(), HALF, extend=LEASE)
    assert isinstance(kept, Committed)
    assert kept.claim
    assert scene.ledger.end(kept.claim, Ending(state, "CODE", "message", "hint")) == Ended(id_of(None), state)  # type: ignore[arg-type]  # one of them
    assert (scene.seen().code, scene.seen().ended_at, [each.state for each in scene.ledger.open()]) == ("CODE", None, [state])
    claim = scene.claimed()
    assert (claim.generation.state, claim.generation.code, claim.chunk.offset) == ("LOADING", None, 40)
    assert scene.seen() == claim.generation


@pytest.mark.parametrize("state", ["FAILED", "MISSING", "SKIPPED", "SUPERSEDED"])
def test_ended_generation_stays_as_it_is(scene: Scene, state: str) -> None:
    claim = scene.claimed()
    assert scene.ledger.end(claim, Ending(state, "CODE", "message", "hint")) == Ended(id_of(None), state)  # type: ignore[arg-type]  # one of them
    seen = scene.seen()
    assert (seen.code, seen.message, seen.hint, seen.ended_at, seen.leases) == ("CODE", "message", "hint", seen.received_at, 0)
    assert scene.begin() == Duplicate(id_of(None), state)  # type: ignore[arg-type]  # one of them
    assert next(scene.ledger.chunks(id_of(None))).state == ("FAILED" if state == "FAILED" else "PENDING")
    assert scene.ledger.end_unclaimed(id_of(None), Ending("FAILED", "LATE")) == Ended(id_of(None), state)  # type: ignore[arg-type]  # one of them
    assert scene.seen().code == "CODE"


def test_stopped_generation_that_waits_still_waits_when_it_goes_on(scene: Scene) -> None:
    """To pause a version must not free it from the workers of the older one."""
    scene.claimed(version(1))
    scene.begin(version(2))
    scene.ledger.end_unclaimed(id_of(version(2)), Ending("PAUSED", "LIMIT"))
    assert isinstance(scene.begin(version(2)), Busy)
    assert scene.ledger.end_unclaimed("0" * 32, Ending("PAUSED", "LIMIT")) == Unknown()


@pytest.mark.parametrize("is_eventbridge", [(False, False, False, False), (True, False, True, False), (False, True, True, True)])
@pytest.mark.parametrize("arrivals", list(permutations((1, 2, 3, 4))))
def test_versions_in_any_order_with_duplicates_end_with_the_newest_loaded(arrivals: tuple[int, ...], is_eventbridge: tuple[bool, ...]) -> None:
    """Each version ends in exactly one final state, v4 counts, and only it and what was the newest at its time was ever begun."""
    scene = Scene()
    newest = 0
    for turn in range(2):
        for number in arrivals:
            ref = version(number, is_eventbridge=is_eventbridge[number - 1] ^ bool(turn))
            begun = scene.begin(ref)
            assert isinstance(begun, Claim) == (turn == 0 and number > newest)
            newest = max(newest, number)
            if isinstance(begun, Claim):
                assert scene.ledger.commit(begun, DONE) == Committed(None, "LOADED")
    assert scene.head().generation == id_of(version(4))
    assert scene.seen(version(4)).state == "LOADED"
    assert {each.state for each in scene.generations()} <= {"LOADED", "SUPERSEDED"}
    assert len(list(scene.ledger.of_object("bucket", "path/key.csv"))) == 4
    assert list(scene.ledger.open()) == []


def test_plan_of_a_superseded_generation_stops(scene: Scene) -> None:
    claim = scene.claimed(version(1))
    scene.begin(version(2))
    assert scene.ledger.plan(claim, SPANS) == Superseded(id_of(version(1)))
    assert isinstance(scene.begin(version(2)), Claim)


def test_progress_without_offset_is_done() -> None:
    assert (Progress({}).is_done, Progress({}, offset=0).is_done) == (True, False)
