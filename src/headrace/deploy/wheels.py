"""Wheels for another Python or processor than this one, fetched by pip."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from headrace.deploy.target import Target
from headrace.errors import HeadraceError

_PIP_TIMEOUT_S = 900


@contextmanager
def fetched(versions: Mapping[str, str], target: Target) -> Iterator[Path]:
    """A folder with exactly these distributions, their versions by name, for ``target``; it lasts as long as the block.

    pip takes them from its cache or from the index that it is configured for, without what they require. Raises HeadraceError WHEELS_MISSING.
    """
    with tempfile.TemporaryDirectory(prefix="headrace-wheels-") as folder:
        pins = [f"{name}=={version}" for name, version in sorted(versions.items())]
        command = _command(pins, target, folder)
        try:
            done = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=_PIP_TIMEOUT_S, check=False)
            failure = _cause(done.stderr) if done.returncode else ""
        except subprocess.TimeoutExpired:
            failure = f"pip did not end within {_PIP_TIMEOUT_S} s"
        if failure:
            shown = shlex.join(["python", *_command(pins, target, "FOLDER")])
            raise HeadraceError(
                "WHEELS_MISSING",
                f"{', '.join(pins)} for Python {target.python} on Linux {target.machine} could not be fetched: {failure}",
                hint=f"mend what pip says and try again; this shows it: `{shown}`. Without a network, put the wheels into a folder (`pip download` takes"
                " the same options) and set PIP_NO_INDEX=1 and PIP_FIND_LINKS to it",
            )
        yield Path(folder)


def _command(pins: list[str], target: Target, folder: str) -> list[str]:
    platforms = [f"--platform={name}" for name in target.platforms]
    options = ["--quiet", "--disable-pip-version-check", "--no-input", "--no-deps", "--no-compile", "--only-binary=:all:"]
    place = [*platforms, "--implementation=cp", f"--python-version={target.python}", f"--target={folder}"]
    return ["-m", "pip", "install", *options, *place, *pins]


def _cause(errors: str) -> str:
    """The line of pip's output that names the cause."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    named = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (named or lines or ["pip failed without a word"])[-1][:300]
