"""From an event or a chunk's message to what the ledger says: take note, claim, work, commit. Nothing is acknowledged before that."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace

from headrace.config.match import is_no_data, route_for
from headrace.config.model import Config
from headrace.errors import HeadraceError, ObjectError
from headrace.ledger.entries import FoundBy
from headrace.ledger.ledger import Ledger
from headrace.ledger.results import Ambiguous, Answer, Begun, Claim, Ending, Job
from headrace.ledger.spending import Spending
from headrace.load import Ports
from headrace.ports import ObjectRef, ObjectState, Replay, Task
from headrace.verdicts import Deployment, GivenUp, Log, Turn, Verdict
from headrace.worker import work


class Loader:
    """Loads what events and tasks name. Raises HeadraceError only where the ledger cannot be reached: then the message comes again."""

    def __init__(
        self,
        config: Config,
        ports: Ports,
        ledger: Ledger,
        spending: Spending,
        *,
        state: Callable[[str], ObjectState],
        send: Callable[[Sequence[Task]], None] | None,
        log: Log,
    ) -> None:
        """``send`` puts one message for each task into the queue of chunks, or raises; None: nothing is cut. ``state`` is the source bucket's (Listing)."""
        self._at = Deployment(config, {}, ports, ledger, spending, send, log)
        self._state = state

    def replay(self, replay: Replay, turn: Turn) -> Verdict:
        """Somebody asks for a generation that ended to be loaded again."""
        generation = self._at.ledger.generation(replay.generation)
        if generation is None or not generation.is_final:
            state = generation.state if generation else "not known"
            self._at.log.notice("REPLAY_REFUSED", f"generation {replay.generation} is {state}, expected one that ended")
            return None
        return self.arrived(generation.ref, turn, "replay", replay)

    def arrived(self, ref: ObjectRef, turn: Turn, found_by: FoundBy = "event", replay: Replay | None = None) -> Verdict:
        """An event says that ``ref`` is there."""
        at = self._at
        route = route_for(at.config.routes, ref.key)
        if route is None and is_no_data(ref.key):
            at.log.note("IGNORED", f"{ref} belongs to an export of DynamoDB and holds no items: its data files are loaded as they come")
            return None
        if route is None:
            at.log.notice("NO_ROUTE", f"no route matches {ref}")
            return None
        try:
            if ref.version_id is None and ref.etag is None:
                ref = self._current(ref)
            job = Job(route.name, at.config.table_name(route.table), at.rules(route), found_by, replay)
            begun = at.ledger.begin(ref, job, lease=at.lease(turn))
            if isinstance(begun, Ambiguous):
                answer = Answer(begun.head, self._is_current(ref))
                begun = at.ledger.begin(ref, job, lease=at.lease(turn), answer=answer)
        except ObjectError as error:  # it is gone, and nothing else is known of it
            at.log.notice(error.code, error.message)
            return None
        return self._worked(begun, str(ref), turn)

    def task(self, task: Task, turn: Turn) -> Verdict:
        """A message asks for one chunk of a generation."""
        at = self._at
        return self._worked(at.ledger.claim(task.generation, task.chunk, at.lease(turn)), f"chunk {task.chunk} of {task.generation}", turn)

    def _worked(self, found: Begun, what: str, turn: Turn) -> Verdict:
        """Work on what was claimed."""
        at = self._at
        if not isinstance(found, Claim):
            return at.unclaimed(found, what)
        try:
            return work(at, found, turn)
        except HeadraceError:
            raise
        except Exception as error:  # a defect: it would show again, and its lease would keep others waiting
            at.log.notice("DEFECT", traceback.format_exc(limit=-5))
            at.ledger.end_unclaimed(found.generation.id, Ending("FAILED", "DEFECT", str(error), "report it with the function's log"))
            return GivenUp(HeadraceError("DEFECT", str(error)))

    def _current(self, ref: ObjectRef) -> ObjectRef:
        """The version of ``ref``'s key that S3 has now, also where it is archived. Raises ObjectError OBJECT_MISSING."""
        return replace(self._state(ref.key).ref, sequencer=ref.sequencer)

    def _is_current(self, ref: ObjectRef) -> bool:
        try:
            current = self._current(ref)
        except ObjectError:
            return False
        return current.version_id == ref.version_id if ref.version_id else current.etag == ref.etag
