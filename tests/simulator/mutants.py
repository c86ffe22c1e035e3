"""headrace with one rule broken, each in another way: whoever checks a rule has to notice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from headrace import slices, worker
from headrace.events import parse
from headrace.ledger import arrival, changes, ledger
from headrace.ledger.results import Committed
from headrace.ledger.store import Update
from headrace.loader import Loader
from headrace.ports import Task
from headrace.write import pace
from headrace.write.calls import BatchCalls

Patch = pytest.MonkeyPatch


def counts_added_twice(patch: Patch) -> None:
    """A commit adds its counts to the generation once more."""
    original = changes.committed

    def committed(*arguments: Any) -> changes.Change:
        change = original(*arguments)
        put, update = change.writes
        assert isinstance(update, Update)
        doubled = {name: value * (2 if name.startswith("n_") else 1) for name, value in update.add.items()}
        return changes.Change([put, replace(update, add=doubled)], change.after)

    patch.setattr(changes, "committed", committed)


def items_handed_back_are_forgotten(patch: Patch) -> None:
    """What the table did not take counts as written."""
    patch.setattr(BatchCalls, "handed_back", lambda self, reply: set())


def objects_are_forgotten(patch: Patch) -> None:
    """An event is acknowledged and the ledger hears nothing of it."""
    patch.setattr(Loader, "arrived", lambda *arguments: None)


def acknowledged_before_the_commit(patch: Patch) -> None:
    """The message is deleted, the commit comes later, or never."""
    patch.setattr(slices, "commit_slice", lambda at, claim, *arguments: Committed(None, claim.generation.state))


def leases_of_older_versions_are_not_waited_for(patch: Patch) -> None:
    """A new version begins while workers of the old one may be alive."""
    patch.setattr(arrival, "all_left_s", lambda generation, now: 0)
    patch.setattr(ledger, "all_left_s", lambda generation, now: 0)


def leases_are_not_looked_at(patch: Patch) -> None:
    """A chunk is given to whoever asks."""
    patch.setattr(ledger, "left_s", lambda chunk, now: 0)


def rejects_are_not_committed(patch: Patch) -> None:
    """The file of rejected records is there, and nobody knows where."""
    original = slices.progress_of
    patch.setattr(slices, "progress_of", lambda outcome: replace(original(outcome), rejects=None))


def chunks_beget_chunks(patch: Patch) -> None:
    """Each chunk's message sends the next one's."""
    task_done = Loader.task

    def task(self: Loader, task: Task, *arguments: Any) -> Any:
        verdict = task_done(self, task, *arguments)
        generation = self._at.ledger.generation(task.generation)
        if verdict is None and generation and task.chunk + 1 < generation.chunks and self._at.send:
            self._at.send([Task(task.generation, task.chunk + 1)])
        return verdict

    patch.setattr(Loader, "task", task)
    patch.setattr(worker, "send_all", lambda at, claim, route: at.send and at.send([Task(claim.generation.id, 1)]))


def the_budget_is_not_kept(patch: Patch) -> None:
    """Every write is sent at once."""
    original = pace.Pace
    patch.setattr("headrace.write.writer.Pace", lambda now, *, window_max, units_per_s=None: original(now, window_max=window_max))


def messages_may_name_any_bucket(patch: Patch) -> None:
    """What an event claims is believed."""
    patch.setattr(parse, "_require_bucket", lambda found, expected: None)


MUTANTS: list[tuple[Callable[[Patch], None], str]] = [
    (counts_added_twice, "I1"),
    (items_handed_back_are_forgotten, "I2"),
    (objects_are_forgotten, "I3"),
    (acknowledged_before_the_commit, "I4"),
    (leases_of_older_versions_are_not_waited_for, "I5"),
    (leases_are_not_looked_at, "I6"),
    (rejects_are_not_committed, "I7"),
    (chunks_beget_chunks, "I8"),
    (the_budget_is_not_kept, "I9"),
    (messages_may_name_any_bucket, "I10"),
]
