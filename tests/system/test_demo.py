"""``headrace demo`` as its user runs it."""

from __future__ import annotations

import csv
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

from headrace.cli.demo import demo_directory, demo_files

HEADRACE = str(Path(sys.executable).with_name("headrace"))
TIMEOUT_S = 240


def sample_items() -> dict[str, int]:
    """Items by table that the sample files must make, counted by Python's csv and json; the damaged file's records apart."""
    flights, planes = set(), set()
    for key, path in demo_files(demo_directory()):
        if "damaged" in key:
            continue
        text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
        if "planes" in key:
            planes |= {json.loads(line)["tailnum"] for line in text.splitlines() if line.strip()}
        else:
            flights |= {(row["carrier"], row["flight"], row["time_hour"], row["origin"]) for row in csv.DictReader(text.splitlines())}
    return {"flights": len(flights), "planes": len(planes)}


def marked_processes(directory: str) -> list[str]:
    """Processes that work in ``directory`` or have it in their environment, whatever session they belong to (Linux)."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if directory.encode() in (process / "environ").read_bytes() or str((process / "cwd").readlink()).startswith(directory):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return [line for line in found if line]


def test_demo_when_run_accounts_for_every_record_and_leaves_nothing(tmp_path: Path) -> None:
    """Exit status 0, one JSON document, the equation for each file, the items that the samples hold; no file, no process, no listener stays."""
    environment = {"PATH": os.defpath, "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    run = subprocess.Popen([HEADRACE, "demo", "--json"], env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        output, errors = run.communicate(timeout=TIMEOUT_S)
    finally:
        run.kill()
    assert run.returncode == 0, errors.decode()
    summary = json.loads(output)
    assert len(summary["loads"]) == len(demo_files(demo_directory()))
    for load in summary["loads"]:
        assert load["state"] == "LOADED"
        assert load["read"] == load["written"] + load["rejected"] + load["filtered"] + load["superseded"] > 0
        assert load["unknown"] == 0
    damaged = next(load for load in summary["loads"] if "damaged" in load["object"])
    assert damaged["rejected"] == len(summary["rejects"]) > 0
    expected = sample_items()
    assert summary["tables"]["planes"]["items"] == expected["planes"]
    assert expected["flights"] < summary["tables"]["flights"]["items"] <= expected["flights"] + damaged["written"]
    assert marked_processes(str(tmp_path)) == []
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
