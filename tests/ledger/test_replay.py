"""A version that ended is loaded again: as a generation of its own, under the same fence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headrace.ledger.results import Ambiguous, Answer, Busy, Claim, Duplicate, Ended, Ending, Superseded
from headrace.ports import ObjectRef, Replay
from ledger.scene import DONE, JOB, LEASE, OVER_S, Scene, id_of, version


@pytest.fixture
def scene() -> Scene:
    return Scene()


def failed(scene: Scene, ref: ObjectRef | None = None) -> Replay:
    """A version whose load has failed, and its first replay."""
    scene.ledger.end(scene.claimed(ref), Ending("FAILED", "HEADER_INVALID"))
    return Replay(id_of(ref), 1)


def begin(scene: Scene, asked: Replay, ref: ObjectRef | None = None, answer: Answer | None = None) -> object:
    return scene.begin(ref or version(1), job=replace(JOB, found_by="replay", replay=asked), answer=answer)


def test_replay_is_a_generation_of_its_own_and_the_first_stays_as_it_ended(scene: Scene) -> None:
    """The states in which a generation ends are final; the history shows both."""
    asked = failed(scene)
    claim = begin(scene, asked)
    assert isinstance(claim, Claim)
    scene.ledger.commit(claim, DONE)
    again, first = sorted(scene.ledger.of_object("bucket", "path/key.csv"), key=lambda each: each.state, reverse=True)
    assert (first.id, first.state, again.state) == (asked.generation, "FAILED", "LOADED")
    assert (again.replay_of, again.replay_number, again.found_by, again.ref) == (asked.generation, 1, "replay", version(1))
    assert scene.ledger.current("bucket", "path/key.csv") == again


def test_replay_when_its_message_comes_twice_is_done_once(scene: Scene) -> None:
    """Its id depends on what is replayed and for which time alone; events of the version stay duplicates."""
    asked = failed(scene)
    claim = begin(scene, asked)
    assert isinstance(begin(scene, asked), Busy)
    assert isinstance(claim, Claim)
    scene.ledger.commit(claim, DONE)
    assert begin(scene, asked) == Duplicate(claim.generation.id, "LOADED")
    assert scene.begin(version(1)) == Duplicate(asked.generation, "FAILED")
    assert isinstance(begin(scene, asked._replace(number=2)), Claim)


def test_replay_of_an_older_version_is_superseded(scene: Scene) -> None:
    """It must not overwrite what a newer version wrote."""
    asked = failed(scene)
    scene.ledger.commit(scene.claimed(version(2)), DONE)
    assert isinstance(begin(scene, asked), Superseded)
    current = scene.ledger.current("bucket", "path/key.csv")
    assert current and current.ref == version(2)


def test_newer_version_ends_a_replay_and_waits_for_its_worker(scene: Scene) -> None:
    """A replay holds a lease as any other load does."""
    claim = begin(scene, failed(scene))
    assert isinstance(claim, Claim)
    assert isinstance(scene.begin(version(2)), Busy)
    assert isinstance(scene.ledger.commit(claim, DONE), Superseded)
    assert isinstance(scene.begin(version(2)), Claim)


def test_replay_while_another_of_the_version_is_open_waits(scene: Scene) -> None:
    """Else the second would end the first half-way."""
    asked = failed(scene)
    claim = begin(scene, asked)
    assert isinstance(claim, Claim)
    assert isinstance(begin(scene, Replay(asked.generation, 1, "rejected")), Busy)
    scene.ledger.commit(claim, DONE)
    assert isinstance(begin(scene, Replay(asked.generation, 1, "rejected")), Claim)


@pytest.mark.parametrize("is_current", [True, False])
def test_replay_when_only_s3_knows_the_order_asks_it(scene: Scene, is_current: bool) -> None:
    """Without sequencers the head may be older or newer than what is to be replayed."""
    first, second = version(1, sequencer=None), version(2, sequencer=None)
    asked = failed(scene, first)
    found = scene.begin(second)
    assert isinstance(found, Ambiguous)
    newer = scene.begin(second, answer=Answer(found.head, True))
    assert isinstance(newer, Claim)
    scene.ledger.commit(newer, DONE)
    assert begin(scene, asked, first) == Ambiguous(id_of(second))
    assert isinstance(begin(scene, asked, first, Answer(id_of(second), is_current)), Claim if is_current else Superseded)


def test_rejected_records_are_gone_on_with_by_their_replay_alone(scene: Scene) -> None:
    """Whoever got a chunk's message would load the object in their place."""
    scene.ledger.commit(scene.claimed(), DONE)
    asked = Replay(id_of(None), 1, "rejected")
    claim = begin(scene, asked)
    assert isinstance(claim, Claim)
    scene.clock.sleep(OVER_S)
    again = claim.generation.id
    assert scene.ledger.claim(again, 0, LEASE) == Ended(again, "LOADING")
    assert isinstance(begin(scene, asked), Claim)


def test_event_of_a_version_whose_rejected_records_are_replayed_is_a_duplicate(scene: Scene) -> None:
    """An event without a sequencer names the version by its content, which is that of the replay too."""
    ref = version(1, version_id=None)
    scene.ledger.commit(scene.claimed(ref), DONE)
    claim = begin(scene, Replay(id_of(ref), 1, "rejected"), ref)
    assert isinstance(claim, Claim)
    scene.clock.sleep(OVER_S)
    assert scene.begin(replace(ref, sequencer=None)) == Duplicate(claim.generation.id, "LOADING")
