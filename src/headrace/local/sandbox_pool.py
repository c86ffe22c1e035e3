"""The warm sandboxes of all functions."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from headrace.errors import HeadraceError
from headrace.local.function_spec import FunctionSpec
from headrace.local.sandbox import Sandbox

IDLE_S_MAX = 300.0
WAIT_S_MAX = 900.0  # no function runs longer: waiting shorter would fail messages that AWS would only delay


class SandboxPool:
    """Lends each sandbox to one invocation at a time; at most ``limit`` exist. Used by several threads."""

    def __init__(self, limit: int, make: Callable[[FunctionSpec], Sandbox]) -> None:
        self._limit = limit
        self._make = make
        self._changed = threading.Condition()
        self._idle: list[tuple[float, Sandbox]] = []  # with the time since when; the warmest last
        self._busy: set[Sandbox] = set()
        self._is_closed = False

    @property
    def is_busy(self) -> bool:
        """Whether an invocation has a sandbox now."""
        return bool(self._busy)

    @contextmanager
    def lend(self, spec: FunctionSpec) -> Iterator[Sandbox]:
        """A sandbox of exactly this ``spec``, warm if there is one.

        Those of an earlier deployment of the function are closed. When all are busy it waits up to ``WAIT_S_MAX`` seconds and
        then raises HeadraceError (SANDBOXES_BUSY); HOST_CLOSED once the pool is closed.
        """
        sandbox = self._take(spec)
        try:
            yield sandbox
        finally:
            with self._changed:
                self._busy.remove(sandbox)
                is_kept = sandbox.is_usable and not self._is_closed
                if is_kept:
                    self._idle.append((time.monotonic(), sandbox))
                self._changed.notify()
            if not is_kept:
                sandbox.close()

    def close_idle(self, idle_s: float = IDLE_S_MAX) -> None:
        """Close the sandboxes that have had nothing to do for ``idle_s`` seconds."""
        before = time.monotonic() - idle_s
        self._close(lambda since, sandbox: since <= before or not sandbox.is_usable)

    def close(self) -> None:
        """Kill all sandboxes and lend no more; those in use are closed by whoever has them."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
            for sandbox in self._busy:
                sandbox.kill()
        self._close(lambda _since, _sandbox: True)

    def _take(self, spec: FunctionSpec) -> Sandbox:
        self._close(lambda _since, one: not one.is_usable or ((one.spec.name, one.spec.version) == (spec.name, spec.version) and one.spec != spec))
        deadline = time.monotonic() + WAIT_S_MAX
        with self._changed:
            while True:
                if self._is_closed:
                    raise HeadraceError("HOST_CLOSED", "the local function host is stopping")
                for entry in reversed(self._idle):
                    if entry[1].spec == spec:
                        self._idle.remove(entry)
                        self._busy.add(entry[1])
                        return entry[1]
                if len(self._busy) + len(self._idle) < self._limit:
                    sandbox = self._make(spec)
                    self._busy.add(sandbox)
                    return sandbox
                if self._idle:
                    self._idle.pop(0)[1].close()
                elif not self._changed.wait(deadline - time.monotonic()):
                    raise HeadraceError("SANDBOXES_BUSY", f"all {self._limit} local sandboxes were busy for {WAIT_S_MAX:.0f} s")

    def _close(self, is_over: Callable[[float, Sandbox], bool]) -> None:
        with self._changed:
            over = [sandbox for since, sandbox in self._idle if is_over(since, sandbox)]
            self._idle = [entry for entry in self._idle if entry[1] not in over]
            self._changed.notify_all()
        for sandbox in over:
            sandbox.close()
