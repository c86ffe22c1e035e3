"""What people see on a terminal: colour, a bar, questions."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import termios
import time
from pathlib import Path

import pytest

from cli.conftest import client
from cli.program import PROGRAM
from headrace.local.emulator import EmbeddedAws

SECONDS_MAX = 180.0
CTRL_C = "\x03"
CONFIG = """\
name: cli-terminal
source: {bucket: cli-terminal-incoming}
tables: {terminal-orders: {key: {id: number}}}
routes: [{name: orders, match: "in/*.csv", format: csv, table: terminal-orders, columns: {id: number}}]
"""


def on_terminal(*arguments: str, answers: dict[str, str] | None = None, **environment: str) -> tuple[int, str]:
    """Exit code and everything shown, when each text in ``answers`` is answered as soon as it appears."""
    waiting = dict(answers or {})
    process, terminal = pty.fork()
    if process == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # as a terminal's shell gives it: where tests run in the background it is ignored
        os.execve(PROGRAM, ["headrace", *arguments], {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", **environment})
    shown, last, silent, deadline = b"", "", 0, time.monotonic() + SECONDS_MAX
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 0.5)[0]:
            is_asking = not termios.tcgetattr(terminal)[3] & termios.ICANON  # readline takes keys one by one
            silent += 1
            if last == CTRL_C and (is_asking or silent > 20):  # one that comes while the question is set up is noticed with the next only
                os.write(terminal, last.encode())
            continue
        silent = 0
        try:
            piece = os.read(terminal, 65_536)
        except OSError:  # Linux's way to say that the other end is closed
            piece = b""
        if not piece:
            break
        shown += piece
        for question in [question for question in waiting if question.encode() in shown]:
            last = waiting.pop(question)
            os.write(terminal, last.encode())
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), shown.decode()


# pty.fork in a process with threads is what Python warns of; the child becomes another program at once.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def plain(shown: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)


def test_load_on_a_terminal_shows_colour_and_a_bar(folder: Path, aws: EmbeddedAws) -> None:
    """Bytes, items, rejections and speed while it runs; a green line at the end."""
    (folder / "a.csv").write_text("id,v\n" + "".join(f"{number},x\n" for number in range(3_000)))
    code, shown = on_terminal("load", "a.csv", "--table", "orders")
    assert code == 0
    assert re.search(r"━+.* bytes.* written  0 rejected .* items/s", plain(shown))
    assert "\x1b[32mLOADED a.csv → table orders" in shown


def test_load_on_a_terminal_with_no_color_has_no_colour(folder: Path, aws: EmbeddedAws) -> None:
    """https://no-color.org"""
    (folder / "a.csv").write_text("id,v\n1,2\n")
    code, shown = on_terminal("load", "a.csv", "--table", "orders", NO_COLOR="1")
    assert code == 0
    assert not re.search(r"\x1b\[(3|4|9|10)\d", shown)


def test_error_in_a_narrow_terminal_is_not_cut(folder: Path) -> None:
    """Long lines are left to the terminal, so that commands in hints can be copied."""
    code, shown = on_terminal("preview", "s3://bucket/" + "k" * 200, "--key", "id", COLUMNS="40")
    assert code == 2
    assert f"aws s3 cp s3://bucket/{'k' * 200} - | headrace preview -" in plain(shown)


def test_deploy_and_destroy_ask_on_a_terminal(folder: Path, aws: EmbeddedAws) -> None:
    """Without a yes, and without the stack's name typed, nothing happens."""
    (folder / "headrace.yaml").write_text(CONFIG)
    stacks = client(aws, "cloudformation")
    code, shown = on_terminal("deploy", answers={"Carry this out?": "n\n"})
    assert (code, "nothing was changed" in shown) == (1, True)
    assert stacks.list_stacks(StackStatusFilter=["CREATE_COMPLETE"])["StackSummaries"] == []
    assert on_terminal("deploy", answers={"Carry this out?": "y\n"})[0] == 0
    code, shown = on_terminal("destroy", answers={"to go on:": "yes\n"})
    assert (code, "nothing was deleted" in shown) == (1, True)
    assert "keeps, with their content: terminal-orders" in plain(shown)
    code, shown = on_terminal("destroy", "--delete-data", answers={"to go on:": "cli-terminal\n"})
    assert code == 0
    assert "DELETES WITH ALL THEIR CONTENT: terminal-orders" in plain(shown)
    assert "deleted with its content: terminal-orders" in plain(shown)


def test_interrupt_at_a_question_exits_130(folder: Path, aws: EmbeddedAws) -> None:
    """Ctrl-C is a no."""
    (folder / "headrace.yaml").write_text(CONFIG)
    code, shown = on_terminal("deploy", answers={"Carry this out?": CTRL_C})
    assert code == 130
    assert "Traceback" not in shown
