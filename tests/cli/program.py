"""Running the program as its users do, and what came of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAM = str(Path(sys.executable).with_name("headrace"))
SECONDS_MAX = 240


@dataclass(frozen=True)
class Ran:
    """A finished run."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def items(self) -> list[Any]:
        """The JSON lines on stdout."""
        return [json.loads(line) for line in self.out.split("\n")[:-1]]


Run = Callable[..., Ran]
"""``run("load", path, …)`` in this process."""


def run_process(*arguments: object, stdin: bytes = b"") -> Ran:
    """The installed program as a process of its own."""
    done = subprocess.run([PROGRAM, *map(str, arguments)], input=stdin, capture_output=True, timeout=SECONDS_MAX, check=False, env=dict(os.environ))
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())
