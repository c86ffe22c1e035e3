"""Finds the Python that runs a function here, and the library that connects it to the Runtime API."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

COLLECTOR = Path(__file__).with_name("collect_runtime.py")
BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
BOOTSTRAP_MODULE = "headrace_lambda_bootstrap"
CURRENT = f"{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True)
class LambdaRuntime:
    """How to run a function of one Lambda runtime on this machine.

    ``python`` is an interpreter outside of any virtual environment, ``version`` its version as ``3.13``. ``library`` is a
    directory that holds only ``module``, the program that speaks the Runtime API, and what it needs. ``notes`` are sentences for
    the user, each a difference from the runtime on AWS.
    """

    python: str
    version: str
    library: Path
    module: str
    notes: tuple[str, ...] = ()


def find_runtime(name: str, directory: Path, *, is_aws_client_used: bool = True) -> LambdaRuntime:
    """The best match for the runtime ``name`` (``python3.13``): the same version with AWS's client, this version with it, this
    version with our own small client. ``directory`` receives the library."""
    wanted = name.removeprefix("python")
    pythons = [sys.executable] if wanted == CURRENT else [shutil.which(name), sys.executable]
    for number, python in enumerate(pythons if is_aws_client_used else ()):
        library = directory / f"{name}-{number}"
        found = _collect(python, library) if python else None
        if found and found["version"] in (wanted, CURRENT):
            return LambdaRuntime(found["python"], found["version"], library, "awslambdaric", _version_notes(wanted, found["version"]))
    library = directory / f"{name}-own"
    library.mkdir(parents=True)
    shutil.copy2(BOOTSTRAP, library / f"{BOOTSTRAP_MODULE}.py")
    base = getattr(sys, "_base_executable", sys.executable)
    note = "awslambdaric is not installed, so a small client of headrace's own runs the function: error texts and log lines can differ from AWS."
    return LambdaRuntime(base, CURRENT, library, BOOTSTRAP_MODULE, (*_version_notes(wanted, CURRENT), note))


def _collect(python: str, library: Path) -> dict[str, str] | None:
    library.mkdir(parents=True)
    result = subprocess.run([python, "-P", str(COLLECTOR), str(library)], capture_output=True, check=False, timeout=60)
    if result.returncode:
        return None
    found: dict[str, str] = json.loads(result.stdout)
    return found


def _version_notes(wanted: str, found: str) -> tuple[str, ...]:
    if wanted == found:
        return ()
    return (f"No Python {wanted} with awslambdaric is on this machine: the function runs on Python {found}.",)
