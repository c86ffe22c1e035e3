"""A child process in a session of its own that never outlives this process."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

GUARD = Path(__file__).with_name("guard.py")


@dataclass(frozen=True)
class Command:
    """A Python module to run: nothing of this process's environment, directory or descriptors reaches it."""

    python: str
    module: str
    arguments: Sequence[str] = ()
    flags: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path = Path("/")
    pass_descriptors: Sequence[int] = ()


class Child:
    """A running ``command``. ``output`` is where its stdout and stderr go; SIGKILL reaches everything it started."""

    def __init__(self, command: Command, output: int | IO[bytes]) -> None:
        lifeline, self._held = os.pipe()
        try:
            self.process = subprocess.Popen(
                [command.python, "-P", *command.flags, str(GUARD), str(lifeline), command.module, *command.arguments],
                env=dict(command.environment),
                cwd=command.directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(lifeline, *command.pass_descriptors),
                start_new_session=True,
            )
        except BaseException:
            os.close(self._held)
            raise
        finally:
            os.close(lifeline)
        self._lock = threading.Lock()
        self._killed = False

    @property
    def pid(self) -> int:
        return self.process.pid

    def exit_status(self) -> int | None:
        """The exit status, minus the number of the signal that killed it, or None while it runs."""
        return self.process.poll()

    def stop(self, patience_s: float) -> None:
        """End it with SIGTERM, and what is left of its session after ``patience_s`` with SIGKILL."""
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(patience_s)
        self.kill()

    def kill(self) -> None:
        """End it and everything in its session with SIGKILL. May be called twice and from any thread."""
        with self._lock:
            if self._killed:
                return
            self._killed = True
            with suppress(ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
                os.killpg(self.pid, signal.SIGKILL)
            self.process.wait()
            os.close(self._held)
