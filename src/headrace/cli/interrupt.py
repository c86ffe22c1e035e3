"""How a command that runs until it is stopped ends."""

from __future__ import annotations

import signal


def end_on_signals() -> None:
    """Have SIGINT and SIGTERM raise KeyboardInterrupt, so that both end with everything removed.

    A shell starts a background job of a script with SIGINT ignored, and then Python installs no handler of its own
    (POSIX.1-2024, Shell Command Language, 2.12; Python's signal module).
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
