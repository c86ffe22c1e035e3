"""Runs a module in a process group that dies with the process that started it.

Executed as ``python -P guard.py LIFELINE MODULE [ARGUMENT...]`` in a session of its own, with the standard library alone.
LIFELINE is the descriptor of the read end of a pipe whose write end only the starter holds: it is closed when the starter closes
it and also when the starter is killed, on Linux and on macOS. (Linux's PR_SET_PDEATHSIG does not fit: it follows the *thread*
that started the child, https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html, 2026-11-22.)
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading


def die_with(lifeline: int) -> None:
    """Kill this process group at once when the other end of ``lifeline`` is closed; blocks until then."""
    while os.read(lifeline, 1):
        pass
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=die_with, args=(int(sys.argv[1]),), daemon=True).start()
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
