"""Virtual time, and processes that take turns on it: each runs alone until it waits, so that one seed always gives the same run."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable

EPOCH = 1_790_000_000.0
"""Seconds since the epoch when every run begins; the timeline itself counts from 0, so that it can tell microseconds."""


class Killed(BaseException):
    """Ends a process wherever it waits; no ``except Exception`` of the product stops it."""


class Process:
    """What runs in turn with others. It is killed the next time it waits, or at ``dies_at``."""

    def __init__(self, name: str, work: Callable[[Process], None], dies_at: float) -> None:
        self.name = name
        self.dies_at = dies_at
        self.is_over = False
        self.is_killed = False
        self.work = work
        self.worker: _Worker | None = None

    @property
    def is_alive(self) -> bool:
        return not (self.is_over or self.is_killed)


class Timeline:
    """What happens when: actions, which take no time, and the turns of processes, each after the other."""

    def __init__(self, steps_max: int) -> None:
        self.now = 0.0
        self.steps_left = steps_max
        self._events: list[tuple[float, int, Callable[[], object] | Process]] = []
        self._order = itertools.count()
        self._processes: list[Process] = []
        self._main = threading.Lock()
        self._main.acquire()
        self._is_stopping = False
        self.error: BaseException | None = None

    def at(self, when: float, action: Callable[[], object] | Process) -> None:
        """Do ``action`` at ``when``; what is due at one moment happens in the order in which it was asked for."""
        heapq.heappush(self._events, (max(when, self.now), next(self._order), action))

    def start(self, process: Process) -> None:
        """Let ``process`` take its first turn now."""
        self._processes.append(process)
        self.at(self.now, process)

    def run(self) -> bool:
        """Go on until nothing is left to happen; False where that took too many steps."""
        self._advance(None)
        self._main.acquire()
        if self.error:
            raise self.error
        self._processes = [process for process in self._processes if not process.is_over]
        return self.steps_left > 0

    def stop(self) -> None:
        """End all processes that are left."""
        self._is_stopping = True
        for process in self._processes:
            if not process.is_over and process.worker:
                process.is_killed = True
                process.worker.turn.release()
                self._main.acquire()

    def wait(self, process: Process, seconds: float) -> None:
        """Let time pass for ``process``, on whose thread this is. Raises Killed."""
        if process.is_killed:
            raise Killed
        until = self.now + seconds
        if until >= process.dies_at:
            until = max(process.dies_at, self.now)
            process.is_killed = True
        if self.steps_left > 0 and (not self._events or self._events[0][0] > until):
            self.now = until
            self.steps_left -= 1
        else:
            self.at(until, process)
            self._advance(process)
        if process.is_killed:
            raise Killed

    def ended(self, process: Process) -> None:
        """The last turn of ``process`` is over."""
        process.is_over = True
        if self._is_stopping:
            self._main.release()
        else:
            self._advance(None)

    def _advance(self, me: Process | None) -> None:
        """Let happen what is next, up to the next turn of ``me``; without, up to the turn of another."""
        while self._events and self.steps_left > 0:
            self.now, _, action = heapq.heappop(self._events)
            self.steps_left -= 1
            if action is me:
                return
            if isinstance(action, Process):
                self._hand_over(action)
                break
            action()
        else:
            self._main.release()
        if me:
            assert me.worker
            me.worker.turn.acquire()

    def _hand_over(self, process: Process) -> None:
        if process.worker is None:
            process.worker = _IDLE.pop() if _IDLE else _Worker()
            process.worker.job = self, process
        process.worker.turn.release()


class _Worker:
    """A thread that runs one process after the other: a new one for each would cost more than the run."""

    def __init__(self) -> None:
        self.turn = threading.Lock()
        self.turn.acquire()
        self.job: tuple[Timeline, Process] | None = None
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            self.turn.acquire()
            assert self.job
            timeline, process = self.job
            try:
                process.work(process)
            except Killed:
                process.is_killed = True
            except BaseException as error:  # a mistake of the simulator's own
                timeline.error, timeline.steps_left = error, 0
            self.job = process.worker = None
            _IDLE.append(self)
            timeline.ended(process)


_IDLE: list[_Worker] = []
