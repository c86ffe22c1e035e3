"""A generation that ended is loaded again when a message asks for it."""

from __future__ import annotations

import dataclasses

import pytest

from headrace.config.model import Limits, OnError
from headrace.ledger.reopen import reopen
from headrace.ledger.results import Job, Lease
from headrace.ports import Replay, Task
from headrace.split import plan
from loader.world import World
from read.memory_objects import Version


def test_failed_object_when_replayed_is_loaded_as_a_generation_of_its_own() -> None:
    """What had failed stays as it ended, with its counts."""
    world = World(b'"id\n1\n')
    world.arrive()
    failed = world.generation
    assert failed.state == "FAILED"
    world.objects.version = Version(b"id\n1\n2\n", "e1", "v1")
    assert world.loader().replay(Replay(failed.id, 1), world.turn()) is None
    again = world.ledger.current(failed.bucket, failed.key)
    assert again
    assert (again.state, again.found_by, again.replay_of, again.counts["written"]) == ("LOADED", "replay", failed.id, 2)
    assert world.ledger.generation(failed.id) == failed


def test_replay_of_what_is_open_or_unknown_is_refused() -> None:
    """What is open goes on by its own messages; what is not known was never loaded here."""
    world = World(b"id\n1\n")
    world.ledger.begin(world.ref, Job("orders", "orders", "c0ffee"), lease=Lease("worker", 60))
    for generation in ("0" * 32, world.generation.id):
        assert world.loader().replay(Replay(generation, 1), world.turn()) is None
    assert [code for code, _ in world.said] == ["REPLAY_REFUSED", "REPLAY_REFUSED"]
    assert world.items == {}


def test_chunk_that_stopped_at_a_record_too_long_to_keep_goes_on_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of that record is read again when its generation is opened again, without the limit that stopped it."""
    monkeypatch.setattr(plan, "CHUNK_BYTES_MIN", 300)
    monkeypatch.setattr(plan, "CHUNK_WRITE_S", 0)
    long = b"7," * 2500 + b"7\n"
    world = World(b"id\n" + b"".join(b"%d\n" % number for number in range(200)) + long + b"200\n" + long + b"201\n", on_error=OnError(max_rejects=0))
    world.config = dataclasses.replace(world.config, limits=Limits(record_bytes_max=100))
    world.objects.largest = 1000
    world.arrive()
    world.work()
    assert (world.generation.state, world.generation.counts["rejected"]) == ("PARTIAL", 1)
    world.config.routes[0] = dataclasses.replace(world.config.routes[0], on_error=OnError())
    reopened = reopen(world.ledger_store, world.generation.id)
    assert reopened
    world.tasks += [Task(reopened.id, chunk.number) for chunk in world.ledger.chunks(reopened.id) if chunk.state != "DONE"]
    world.work()
    assert (world.generation.state, len(world.items), world.generation.counts["read"], world.kept()) == ("LOADED", 202, 204, [202, 204])
