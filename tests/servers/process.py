"""A server program as a child process."""

from __future__ import annotations

import re
import subprocess
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from queue import Empty, Queue

_START_S = 30
_STOP_S = 10


@contextmanager
def running(command: Sequence[str], announcement: str, *, env: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run ``command`` until the block ends and yield the first group of the regex ``announcement`` in what it prints.

    A program that ends or stays silent for 30 seconds raises RuntimeError with its last lines.
    """
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace", env=env)
    announced: Queue[str | None] = Queue()
    last: deque[str] = deque(maxlen=20)

    def read() -> None:  # to the end, else the program blocks on a full pipe
        assert process.stdout
        for line in process.stdout:
            last.append(line)
            if found := re.search(announcement, line):
                announced.put(found[1])
        announced.put(None)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield _first(announced, command, last)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
        with process:  # waits and closes the pipe
            reader.join()


def _first(announced: Queue[str | None], command: Sequence[str], last: deque[str]) -> str:
    try:
        found = announced.get(timeout=_START_S)
    except Empty:
        found = None
    if found is None:
        raise RuntimeError(f"{command[0]} did not start:\n{''.join(last)}")
    return found
