"""A program as a process of its own on one core: how long it ran, what it used, what it said."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CLIENT_CORE = 0
SERVER_CORE = 1
TIMEOUT_S = 300.0


@dataclass(frozen=True)
class Usage:
    """What one process took, from its start to its end, imports included."""

    wall_s: float
    cpu_s: float
    """User and system time, all threads and children that it waited for."""
    peak_mb: float
    """Largest resident memory, in 1,000,000 bytes."""
    others_s: float
    """Processor time that other programs, or other guests of the same hardware, took on the client's core meanwhile; 0 where the system does not say."""
    output: str


def can_pin() -> bool:
    """Whether processes can be kept on one core here: Linux, with two cores or more allowed."""
    return hasattr(os, "sched_setaffinity") and {CLIENT_CORE, SERVER_CORE} <= os.sched_getaffinity(0)


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """What this thread starts inside the block stays on ``core``; nothing happens where that cannot be done."""
    if not can_pin():
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def run(command: Sequence[str], env: Mapping[str, str], folder: Path) -> Usage:
    """Run ``command`` to its end on the client's core. Raises RuntimeError with its last words if it fails or takes 300 seconds."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        busy_s, started = _busy_s(CLIENT_CORE), time.perf_counter()
        with on_core(CLIENT_CORE):
            process = subprocess.Popen(command, env=dict(env), cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=errors)
        timer = threading.Timer(TIMEOUT_S, lambda: os.kill(process.pid, signal.SIGKILL))
        timer.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        finally:
            timer.cancel()
        wall_s = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode:
            said = (output.read() + errors.read()).decode("utf-8", "replace")
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{said[-2000:]}")
        cpu_s = usage.ru_utime + usage.ru_stime
        others_s = max(_busy_s(CLIENT_CORE) - busy_s - cpu_s, 0.0) if busy_s else 0.0
        peak = usage.ru_maxrss if sys.platform == "darwin" else usage.ru_maxrss * 1024
        return Usage(wall_s, cpu_s, peak / 1e6, others_s, output.read().decode("utf-8", "replace"))


def wait_until_calm(seconds_max: float) -> None:
    """Return once the client's core was idle for half a second, nine tenths of it; at the latest after ``seconds_max``."""
    give_up_at = time.monotonic() + seconds_max
    while time.monotonic() < give_up_at:
        busy_s = _busy_s(CLIENT_CORE)
        time.sleep(0.5)
        if _busy_s(CLIENT_CORE) - busy_s <= 0.05:
            return


def _busy_s(core: int) -> float:
    """Seconds that ``core`` was busy since the system started (proc_stat(5): all but idle and iowait); 0 where that is not known."""
    try:
        lines = Path("/proc/stat").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0.0
    fields = next((line.split()[1:9] for line in lines if line.startswith(f"cpu{core} ")), [])
    return sum(int(field) for at, field in enumerate(fields) if at not in (3, 4)) / os.sysconf("SC_CLK_TCK")
