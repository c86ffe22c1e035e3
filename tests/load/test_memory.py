"""How much memory a load needs, whatever the size of the object."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import resource, sys
from contracts.virtual_clock import VirtualClock
from headrace.config.model import Column, Config, Route, Source, Table
from headrace.load import Ports, load_object
from headrace.ports import ObjectRef, OpenedObject

ROWS = b"".join(b"%07d,2024-02-29T12:00:00Z,some text that is not so short,12.50,%s\\n" % (n, b"long " * 150) for n in range(3000))
TIMES = int(sys.argv[1]) * 1_000_000 // len(ROWS)


class Body:
    def __init__(self):
        self.data, self.left = b"id,at,text,amount,more\\n", TIMES

    def read(self, amount):
        while len(self.data) < amount and self.left:
            self.data, self.left = self.data + ROWS, self.left - 1
        piece, self.data = self.data[:amount], self.data[amount:]
        return piece

    def close(self):
        pass


class Objects:
    def open(self, ref, offset):
        return OpenedObject(Body(), len(b"id,at,text,amount,more\\n") + TIMES * len(ROWS), "e1", None)


class Sink:
    def __init__(self, counts):
        self.counts = counts

    def add(self, entry):
        self.counts.written += 1

    def finish(self):
        pass

    def close(self):
        pass


columns = {"id": Column("number"), "at": Column("timestamp"), "text": Column(), "amount": Column("number"), "more": Column()}
config = Config(Source("b"), {"t": Table({"id": "number"})}, [Route("r", "**", "csv", "t", columns=columns)])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
ports = Ports(Objects(), None, None, VirtualClock())
outcome = load_object(ObjectRef("b", "k"), config.routes[0], config, ports, open_sink=lambda counts, refused: Sink(counts))
assert outcome.state == "LOADED", outcome
assert outcome.written == 3000 * TIMES
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
MB_MAX = 64


def test_object_of_300_mb_needs_no_more_memory_than_a_small_one() -> None:
    """Peak memory beyond the imports stays under 64 MB: pieces, one block of lines and the caches of the columns."""
    arguments = [sys.executable, "-c", PROGRAM, "300"]
    done = subprocess.run(arguments, cwd=Path(__file__).parent.parent, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) <= MB_MAX
