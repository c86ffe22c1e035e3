"""``headrace dev --faults`` in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

WAIT_S_MAX = 120.0
HEADRACE = str(Path(sys.executable).with_name("headrace"))
BASE = {"PATH": os.defpath, "AWS_EC2_METADATA_DISABLED": "true"}


class RunningDev:
    """``lines`` are the JSON lines of its stdout so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []
        self._readers = [threading.Thread(target=self._read), threading.Thread(target=process.stderr.read)]  # type: ignore[union-attr]
        for reader in self._readers:
            reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(json.loads(line))

    def wait_for(self, is_meant: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """The first line that is meant; AssertionError naming ``what`` if none comes."""
        deadline = time.monotonic() + WAIT_S_MAX
        while not (found := [line for line in list(self.lines) if is_meant(line)]):
            assert self.process.poll() is None, f"dev has ended, no {what}: {self.lines}"
            assert time.monotonic() < deadline, f"no {what} within {WAIT_S_MAX:.0f} s: {self.lines[-5:]}"
            time.sleep(0.05)
        return found[0]

    def stop(self) -> int:
        """End it as Ctrl-C does; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        for reader in self._readers:
            reader.join()
        return self.process.wait(WAIT_S_MAX)


@contextmanager
def running_dev(*arguments: str, folder: Path) -> Iterator[RunningDev]:
    """``headrace dev --json`` with ``arguments`` in ``folder`` for the length of the block."""
    command = [HEADRACE, "dev", "--json", *arguments]
    environment = BASE | {"HOME": str(folder)}
    with subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        dev = RunningDev(process)
        try:
            yield dev
        finally:
            dev.stop()
