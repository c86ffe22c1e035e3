"""Several processes at once: every order in which their calls can reach the table, one after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

from headrace.ledger.ledger import Ledger
from ledger.scene import Scene, WatchedLedger

Task = Callable[[Ledger], Any]


class _Process:
    """A task in a thread that stops before each call until it is told to go on."""

    def __init__(self, scene: Scene, task: Task) -> None:
        self.result: Any = None
        self.is_over = False
        self._go = threading.Semaphore(0)
        self._stopped = threading.Semaphore(0)
        self._table = WatchedLedger(scene.clock, sharing=scene.table)
        self._table.around = self._pause
        self._thread = threading.Thread(target=self._run, args=(task,))
        self._thread.start()
        self._stopped.acquire()

    def step(self) -> None:
        """Let it make one call, and go on to the next or to its end."""
        self._go.release()
        self._stopped.acquire()
        if self.is_over:
            self._thread.join()

    def _pause(self, operation: str, is_done: bool) -> None:
        if not is_done:
            self._stopped.release()
            self._go.acquire()

    def _run(self, task: Task) -> None:
        try:
            self.result = task(Ledger(self._table))
        except BaseException as error:
            self.result = error
        self.is_over = True
        self._stopped.release()


def interleavings(prepare: Callable[[], tuple[Scene, list[Task]]]) -> Iterator[tuple[Scene, list[Any]]]:
    """What is there, and what each task returned, after each possible order of their calls. ``prepare`` is called for each anew."""
    choices: list[int] = []
    while True:
        scene, tasks = prepare()
        processes = [_Process(scene, task) for task in tasks]
        taken: list[tuple[int, int]] = []
        while alive := [process for process in processes if not process.is_over]:
            choice = choices[len(taken)] if len(taken) < len(choices) else 0
            taken.append((choice, len(alive)))
            alive[choice].step()
        yield scene, [process.result for process in processes]
        while taken and taken[-1][0] + 1 == taken[-1][1]:
            taken.pop()
        if not taken:
            return
        choices = [choice for choice, _ in taken[:-1]] + [taken[-1][0] + 1]
