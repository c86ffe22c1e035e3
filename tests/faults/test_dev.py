"""``headrace dev --faults``: what the example file does to the example's data changes no table."""

from __future__ import annotations

import json
import subprocess
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from contracts.memory_table import MemoryTable
from faults.running_dev import BASE, HEADRACE, running_dev
from headrace.config.parse import load as load_config
from headrace.load import Ports, load_object
from headrace.ports import ObjectRef, SystemClock
from load.samples import KeptRejects
from read.memory_objects import MemoryObjects, Version

EXAMPLE = Path(__file__).parents[2] / "examples/flights"
FLIGHTS = EXAMPLE / "data/flights-2013-01-week-1.csv"
PLANES = EXAMPLE / "data/planes.jsonl"
ROWS = 2000


def plain(items: Any) -> list[dict[str, Any]]:
    """Items to compare, whatever the form of their numbers."""
    found = [{name: Decimal(value["N"]) if "N" in value else value for name, value in item.items()} for item in items]
    return sorted(found, key=repr)


def loaded_without_faults(route: str, content: bytes) -> list[dict[str, Any]]:
    config = load_config(EXAMPLE / "headrace.yaml")
    chosen = next(each for each in config.routes if each.name == route)
    table = MemoryTable(config.table_name(chosen.table), config.tables[chosen.table].key)
    ports = Ports(MemoryObjects(Version(content)), lambda _: table, KeptRejects(), SystemClock())
    assert load_object(ObjectRef("b", "k"), chosen, config, ports).state == "LOADED"
    return plain(table.stored.values())


def test_dev_with_the_example_faults_ends_with_the_tables_of_a_load_without(tmp_path: Path) -> None:
    """By the function, and by ``headrace load`` through the endpoint that dev prints; each fault and each rule is told."""
    flights = b"".join(FLIGHTS.read_bytes().splitlines(keepends=True)[: ROWS + 1])
    dropped = tmp_path / "drop/incoming/flights/week.csv"
    dropped.parent.mkdir(parents=True)
    dropped.write_bytes(flights)
    files = ("--config", str(EXAMPLE / "headrace.yaml"), "--faults", str(EXAMPLE / "faults.yaml"))
    with running_dev(*files, folder=tmp_path) as dev:
        access = dev.wait_for(lambda line: "environment" in line, "endpoint")["environment"]
        assert dev.wait_for(lambda line: line.get("state") == "LOADED", "load by the function")["written"] == ROWS
        command = [HEADRACE, "load", str(PLANES), *files[:2], "--route", "planes", "--endpoint-url", access["AWS_ENDPOINT_URL"], "--json"]
        environment = BASE | access | {"HOME": str(tmp_path)}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120)
        assert (done.returncode, json.loads(done.stdout)["state"]) == (0, "LOADED"), done.stderr
        client = botocore.session.Session().create_client(
            "dynamodb", access["AWS_REGION"], endpoint_url=access["AWS_ENDPOINT_URL"], aws_access_key_id="test", aws_secret_access_key="test"
        )
        with closing(client):
            pages = {name: client.get_paginator("scan").paginate(TableName=name) for name in ("flights", "planes")}
            tables = {name: plain(item for page in found for item in page["Items"]) for name, found in pages.items()}
        assert dev.stop() == 0
    assert tables == {"flights": loaded_without_faults("flights", flights), "planes": loaded_without_faults("planes", PLANES.read_bytes())}
    faults = [line for line in dev.lines if "fault" in line]
    rules = {rule["rule"]: rule for rule in dev.lines[-1]["rules"]}
    assert {name: rule["failed"] for name, rule in rules.items()} == {name: sum(fault["rule"] == name for fault in faults) for name in rules}
    assert all(rule["failed"] for rule in rules.values())
    assert faults[0].keys() == {"fault", "operation", "rule", "call", "at"}


def test_dev_with_a_wrong_file_tells_all_mistakes_and_starts_nothing(tmp_path: Path) -> None:
    """Exit code 2, as for a wrong config; nothing but the document is on stdout."""
    (tmp_path / "faults.yaml").write_text("rules:\n  - operation: s3:GetObjekt\n    eror: SlowDown\n")
    done = subprocess.run(
        [HEADRACE, "dev", "--faults", "faults.yaml", "--json"], cwd=tmp_path, env=BASE | {"HOME": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    document = json.loads(done.stdout)
    assert (done.returncode, document["error"]) == (2, "CONFIG_INVALID")
    assert [(problem["line"], problem["path"]) for problem in document["problems"]] == [
        (2, "rules[0].operation"),
        (3, "rules[0].eror"),
    ]
    assert "docs/faults.md" in document["hint"]


@pytest.mark.parametrize("name", ["missing.yaml", "."])
def test_dev_with_a_file_that_cannot_be_read_says_so(tmp_path: Path, name: str) -> None:
    """Before anything is started."""
    done = subprocess.run([HEADRACE, "dev", "--faults", name], cwd=tmp_path, env=BASE | {"HOME": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "next: " in done.stderr
