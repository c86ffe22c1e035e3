"""A process may end before and after every call; what comes after it brings the same end."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from headrace.ledger.entries import COUNT, Span
from headrace.ledger.results import Begun, Busy, Claim, Claimed, Committed, Ending, Progress
from headrace.ports import ObjectRef
from ledger.kills import Kill, Killed
from ledger.scene import JOB, LEASE, OVER_S, SPANS, Scene, id_of, version

WHOLE = Span(0, 300, 1)
Message = ObjectRef | int
"""An event, or the number of a chunk."""


class Queue:
    """Delivers each message until it is acknowledged; workers read the first half of a chunk, commit it, then the rest."""

    def __init__(self, scene: Scene, *, is_cut: bool, ending: Ending | None = None) -> None:
        self._scene = scene
        self._is_cut = is_cut
        self._ending = ending
        self.messages: deque[Message] = deque([version(1)])

    def drain(self, kill: Kill | None) -> None:
        """Until nothing is left. ``kill`` ends one of the processes."""
        self._scene.table.around = kill or (lambda operation, is_done: None)
        for _ in range(100):
            if not self.messages:
                return
            message = self.messages[0]
            try:
                wait_s = self._received(message)
            except Killed:
                wait_s = OVER_S
            if not wait_s:
                self.messages.remove(message)
            self._scene.clock.sleep(wait_s)
        raise AssertionError("the queue never becomes empty")

    def _received(self, message: Message) -> float:
        """For how long the message is to be put back; 0 to acknowledge it."""
        ledger = self._scene.ledger
        begun: Begun | Claimed = ledger.begin(message, JOB, lease=LEASE) if isinstance(message, ObjectRef) else ledger.claim(id_of(None), message, LEASE)
        match begun:
            case Busy(seconds):
                return seconds
            case Claim() if isinstance(message, ObjectRef) and self._is_cut:
                self._plan(begun)
            case Claim() if self._ending:
                ledger.end(begun, self._ending)
            case Claim():
                self._load(begun)
        return 0

    def _plan(self, claim: Claim) -> None:
        planned = self._scene.ledger.plan(claim, SPANS)
        assert isinstance(planned, Claim)
        self.messages.extend(range(3))
        self._scene.ledger.give_back(planned)

    def _load(self, claim: Claim | None) -> None:
        for progress in self._work(claim):
            assert claim
            done = self._scene.ledger.commit(claim, progress, extend=LEASE)
            assert isinstance(done, Committed)
            claim = done.claim

    def _work(self, claim: Claim | None) -> Iterator[Progress]:
        assert claim
        if claim.chunk.offset is None:
            yield Progress({"read": 4, "written": 4, "write_units": 2.0}, bytes=40, offset=40, line=5)
        yield Progress({"read": 6, "written": 5, "write_units": 2.5}, bytes=60, rejects=f"s3://rejects/{claim.chunk.number}")


STEPS = ("owner", "attempt", "changes", "last_change", "leased_until", "expires_at", "received_at", "ended_at", "listed_at", "listing", "duplicates", "sk")


def end_of(scene: Scene) -> list[dict[str, Any]]:
    """All that is in the table but for how and when it came there."""
    items = [{name: value for name, value in item.items() if name not in STEPS} for item in scene.table.items.values()]
    return sorted(items, key=repr)


Make = Callable[[Scene], Queue]
FLOWS: dict[str, Make] = {
    "one chunk": lambda scene: Queue(scene, is_cut=False),
    "three chunks": lambda scene: Queue(scene, is_cut=True),
    "missing": lambda scene: Queue(scene, is_cut=False, ending=Ending("MISSING", "OBJECT_MISSING", "gone", "upload it again")),
    "failed": lambda scene: Queue(scene, is_cut=True, ending=Ending("FAILED", "BAD_FILE", "bad", "mend it")),
}


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize("is_overwriting", [False, True])
def test_kill_at_every_moment_brings_the_same_end(flow: str, is_overwriting: bool) -> None:
    """Every operation, before and after every call to the table: begin, claim, plan, commit, give back, end and finish."""

    def run(kill: Kill | None) -> Scene:
        scene = Scene()
        if is_overwriting:
            scene.claimed(version(0))  # the process that loads it dies
        FLOWS[flow](scene).drain(kill)
        return scene

    counter = Kill(10**9)
    whole = run(counter)
    assert counter.moments >= 6
    assert {each.leases for each in whole.generations() if each.ref != version(0)} == {0}
    for at in range(counter.moments):
        scene = run(Kill(at))
        assert end_of(scene) == end_of(whole), at
    if "chunk" in flow:
        assert whole.seen().state == "LOADED"
        assert whole.seen().counts["read"] == (30 if flow == "three chunks" else 10)


def test_kills_are_seen() -> None:
    """The comparison notices a count that is doubled."""
    one, other = Scene(), Scene()
    for scene in (one, other):
        FLOWS["one chunk"](scene).drain(None)
    assert end_of(one) == end_of(other)
    next(item for item in other.table.items.values() if COUNT + "read" in item)[COUNT + "read"] = 20
    assert end_of(one) != end_of(other)


HEALERS: dict[str, Callable[[Scene], object]] = {
    "sweep": lambda scene: scene.ledger.finish(id_of(None)),
    "message": lambda scene: scene.ledger.claim(id_of(None), 1, LEASE),
    "event": lambda scene: scene.begin(),
}


@pytest.mark.parametrize("healer", HEALERS)
def test_generation_whose_last_worker_died_before_ending_it_is_ended_by_whoever_comes_next(healer: str) -> None:
    """All chunks are done, and the state does not say so yet."""
    scene = Scene()
    scene.ledger.give_back(scene.planned())
    rest = Progress({"read": 10})
    for number in range(2):
        scene.ledger.commit(scene.claim(number), rest)
    last = scene.claim(2)
    scene.table.around = Kill(1)
    with pytest.raises(Killed):
        scene.ledger.commit(last, rest)
    scene.table.around = lambda operation, is_done: None
    assert (scene.seen().state, scene.seen().chunks_done) == ("LOADING", 3)
    HEALERS[healer](scene)
    assert (scene.seen().state, scene.seen().counts) == ("LOADED", {"read": 30})
    assert scene.ledger.finish("0" * 32) is None
