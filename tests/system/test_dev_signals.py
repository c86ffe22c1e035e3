"""``headrace dev`` as a script starts it: in the background, where a shell has SIGINT ignored."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

HEADRACE = str(Path(sys.executable).with_name("headrace"))
CONFIG = """\
name: dev-signals
source: {bucket: dev-signals-incoming}
tables: {dev-signals-orders: {key: {id: number}}}
routes: [{name: orders, match: "in/*.csv", format: csv, table: dev-signals-orders, columns: {id: number}}]
"""
SCRIPT = '"$@" & echo $!; wait $!'
SECONDS_MAX = 120


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_dev_in_the_background_when_told_to_end_removes_everything(number: signal.Signals, tmp_path: Path) -> None:
    """Both signals, though the shell that started it lets it ignore the first: exit code 0, and nobody answers at its endpoint."""
    (tmp_path / "headrace.yaml").write_text(CONFIG)
    command = ["sh", "-c", SCRIPT, "sh", HEADRACE, "dev", "--json"]
    with subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as shell:
        assert shell.stdout
        dev = int(shell.stdout.readline())
        try:
            endpoint = urlsplit(json.loads(shell.stdout.readline())["endpoint"])
            os.kill(dev, number)
            _, said = shell.communicate(timeout=SECONDS_MAX)
        finally:
            if shell.poll() is None:
                os.kill(dev, signal.SIGKILL)
    assert (shell.returncode, "stopped; everything but the drop folder is removed" in said) == (0, True), said
    with socket.socket() as looking:
        assert looking.connect_ex((endpoint.hostname, endpoint.port)) != 0
