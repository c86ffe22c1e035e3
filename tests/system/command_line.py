"""``headrace load`` in a process of its own, against an embedded AWS."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from headrace.config.parse import load as load_config
from system.pipeline import Json, Pipeline

TIMEOUT_S = 240


def load(stack: Pipeline, source: str, config: Path, folder: Path) -> tuple[int, Json, list[Json]]:
    """Load ``source`` by the one route of ``config``, working in the empty ``folder``: exit status, outcome and rejected records."""
    rejects = folder / "rejects.jsonl"
    options = ["--config", str(config), "--route", route_of(config), "--rejects", str(rejects), "--json"]
    done = subprocess.run(
        [str(Path(sys.executable).with_name("headrace")), "load", source, *options],
        env=stack.stack.emulator.credentials | {"PATH": "/usr/bin:/bin", "HOME": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.stdout, done.stderr
    outcome: Any = json.loads(done.stdout)
    return done.returncode, outcome, [json.loads(line) for line in rejects.read_text().splitlines()] if rejects.exists() else []


def route_of(config: Path) -> str:
    """The name of the only route."""
    (route,) = load_config(config).routes
    return route.name
