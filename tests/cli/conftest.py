from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from cli.program import Ran, Run
from headrace.cli.main import main
from headrace.local.emulator import EmbeddedAws

TABLES = {"orders": {"id": "N"}, "words": {"word": "S"}, "pairs": {"pk": "S", "sk": "N"}}


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """No AWS variable, no AWS file and no instance role of this machine."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: object) -> Ran:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        return Ran(code, *capfd.readouterr())

    return run


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedAws]:
    with EmbeddedAws() as started:
        yield started


@pytest.fixture
def aws(server: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> EmbeddedAws:
    """The embedded AWS, which the environment points to; its tables are new."""
    for name, value in server.credentials.items():
        monkeypatch.setenv(name, value)
    dynamodb = client(server, "dynamodb")
    for name in set(dynamodb.list_tables()["TableNames"]) & set(TABLES):
        dynamodb.delete_table(TableName=name)
    for name, key in TABLES.items():
        schema = [{"AttributeName": attribute, "KeyType": kind} for attribute, kind in zip(key, ("HASH", "RANGE"), strict=False)]
        attributes = [{"AttributeName": attribute, "AttributeType": kind} for attribute, kind in key.items()]
        dynamodb.create_table(TableName=name, KeySchema=schema, AttributeDefinitions=attributes, BillingMode="PAY_PER_REQUEST")
    return server


def client(server: EmbeddedAws, service: str) -> Any:
    return boto3.client(service, endpoint_url=server.endpoint_url, region_name=server.region, aws_access_key_id="test", aws_secret_access_key="test")


def items(server: EmbeddedAws, table: str) -> list[Any]:
    """All items of the table, in the order of their DynamoDB JSON."""
    return sorted(client(server, "dynamodb").scan(TableName=table)["Items"], key=str)
