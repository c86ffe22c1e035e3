"""Nothing of the embedded AWS outlives its user, and what prevents its start is said."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import headrace
from headrace.errors import HeadraceError
from headrace.local.emulator import EmbeddedAws
from local.local_cloud import NAMES, LocalCloud, children_of, local_cloud, wait_until

SLEEPER = "import time\ndef handler(event, context):\n    time.sleep(event)\n"
PARENT = (
    "import subprocess, sys, time\n"
    "def handler(event, context):\n"
    "    subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    "    print('started')\n"
    "    time.sleep(event)\n"
)
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")


@linux_only
def test_everything_is_gone_after_leaving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaving ends every process, also of a running function, and removes every file; log lines of the end still arrive first."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = children_of(os.getpid())
    with local_cloud() as cloud:
        name = cloud.deploy(SLEEPER, Timeout=60)
        cloud.invoke(name, 0)
        cloud.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=b"50")
        wait_until(lambda: len([text for text in cloud.said(name) if text.startswith("START")]) == 2)
        assert len(children_of(os.getpid()) - before) == 2
        assert list(tmp_path.iterdir())
    assert children_of(os.getpid()) == before
    assert list(tmp_path.iterdir()) == []
    assert cloud.reports(name)[-1].error


@linux_only
def test_killed_user_leaves_no_process_behind(tmp_path: Path) -> None:
    """After SIGKILL of the user, the embedded AWS, a function in the middle of an invocation and what it started end by themselves."""
    script = (
        "import sys, threading\n"
        "from local.local_cloud import local_cloud, wait_until\n"
        "with local_cloud() as cloud:\n"
        f"    name = cloud.deploy({PARENT!r}, Timeout=60)\n"
        "    cloud.client('lambda').invoke(FunctionName=name, InvocationType='Event', Payload=b'50')\n"
        "    wait_until(lambda: 'started' in cloud.said(name))\n"
        "    print('ready', flush=True)\n"
        "    threading.Event().wait()\n"
    )
    environment = {"PYTHONPATH": f"{Path(__file__).parents[1]}:{Path(headrace.__file__).parents[1]}", "TMPDIR": str(tmp_path), "PATH": os.defpath}
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment, text=True) as user:
        assert user.stdout
        assert user.stdout.readline() == "ready\n"
        started = children_of(user.pid)
        started |= {pid for one in started for pid in children_of(one)}
        assert len(started) == 3
        user.send_signal(signal.SIGKILL)
    wait_until(lambda: not any(_is_running(pid) for pid in started))


@linux_only
def test_variables_of_the_caller_do_not_reach_the_emulator(cloud: LocalCloud) -> None:
    """The emulator's environment holds what it needs and nothing of the caller's."""
    found = [Path(f"/proc/{pid}/environ").read_text().rstrip("\0").split("\0") for pid in children_of(os.getpid())]
    port = cloud.aws.endpoint_url.rpartition(":")[2]
    (lines,) = [lines for lines in found if f"GATEWAY_PORT={port}" in lines]  # other tests may have an emulator too
    variables = dict(line.split("=", 1) for line in lines)
    assert (
        not {name for name in variables if name.startswith("AWS_")}
        - set(cloud.aws.credentials)
        - {
            "AWS_SHARED_CREDENTIALS_FILE",
            "AWS_CONFIG_FILE",
            "AWS_EC2_METADATA_DISABLED",
        }
    )
    assert "VIRTUAL_ENV" not in variables
    assert variables["BIND_HOST"] == "127.0.0.1"
    assert f"MINISTACK_LAMBDA_PROXY_{NAMES[0]}" in variables


def test_port_that_is_taken_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port in use is an error with its number, and leaves nothing behind."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(HeadraceError, match=str(port)) as caught, EmbeddedAws(port=port):
            pass
    assert caught.value.code == "EMULATOR_PORT_TAKEN"
    assert list(tmp_path.iterdir()) == []


@linux_only
def test_emulator_that_does_not_start_is_said_with_its_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An emulator that ends at once is an error that ends with its log, and leaves nothing behind."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("headrace.local.child.GUARD", Path(__file__).with_name("broken_guard.py"))
    before = children_of(os.getpid())
    with pytest.raises(HeadraceError, match=r"broken_guard\.py") as caught, EmbeddedAws():
        pass
    assert caught.value.code == "EMULATOR_FAILED"
    assert children_of(os.getpid()) == before
    assert list(tmp_path.iterdir()) == []


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
