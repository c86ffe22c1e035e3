"""Servers with clients, tables and buckets, for the contracts and for whole loads. As fixtures they start when first asked for."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import botocore.session
import pytest
from botocore.config import Config

from contracts.memory_table import LETTERS
from headrace.aws.session import Aws
from headrace.config.model import KeyType
from headrace.local.emulator import EmbeddedAws
from headrace.local.fault_proxy import Rule
from headrace.ports import ItemStore
from servers import dynalite
from servers.recorded import RecordedProxy

REGION = "us-east-1"
ROOT = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
names = (f"table-{number}" for number in itertools.count(1))


@dataclass
class Subject:
    """One table: the store under test, and another way to look into it."""

    name: str
    store: ItemStore
    item: Callable[[dict[str, Any]], Any]
    """The stored item with this key, or None."""
    count: Callable[[], int]


def aws_of(endpoint: str, credentials: Mapping[str, str] = ROOT) -> Aws:
    return Aws(endpoint_url=endpoint, region=REGION, credentials=credentials)


def client_of(endpoint: str, service: str, credentials: Mapping[str, str] = ROOT) -> Any:
    """A botocore client that checks nothing itself."""
    config = Config(retries={"total_max_attempts": 1}, parameter_validation=False, s3={"addressing_style": "path"})
    return botocore.session.Session().create_client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=credentials["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=credentials.get("AWS_SESSION_TOKEN"),
        config=config,
    )


@dataclass
class Engine:
    """A server and a proxy before it, with the clients that all tests share: making a client takes longer than most tests."""

    endpoint: str
    aws: Aws
    dynamodb: Any
    s3: Any
    proxy: RecordedProxy
    proxied: Aws

    @contextmanager
    def behind(self, *rules: Rule) -> Iterator[RecordedProxy]:
        """The proxy with ``rules`` and an empty log; ``proxied`` goes through it."""
        self.proxy.calls.clear()
        self.proxy.rules[:] = rules
        yield self.proxy
        self.proxy.rules.clear()

    def bucket(self, *, versioning: str = "") -> str:
        """A new bucket; returns its name."""
        name = next(names)
        self.s3.create_bucket(Bucket=name)
        if versioning:
            self.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": versioning})
        return name

    def table(self, *, named: str = "", **key: KeyType) -> str:
        """A new table with ``key``; returns its name."""
        name = named or next(names)
        self.dynamodb.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": attribute, "KeyType": kind} for attribute, kind in zip(key, ("HASH", "RANGE"), strict=False)],
            AttributeDefinitions=[{"AttributeName": attribute, "AttributeType": LETTERS[kind]} for attribute, kind in key.items()],
            BillingMode="PAY_PER_REQUEST",
        )
        for _ in range(1000):  # dynalite answers before the table is there
            if self.dynamodb.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE":
                return name
        raise AssertionError(f"table {name} does not become active")

    def item(self, name: str, key: dict[str, Any]) -> Any:
        """The stored item, or None."""
        return self.dynamodb.get_item(TableName=name, Key=key, ConsistentRead=True).get("Item")

    def count(self, name: str) -> int:
        count: int = self.dynamodb.scan(TableName=name, Select="COUNT", ConsistentRead=True)["Count"]
        return count


@contextmanager
def engine(endpoint: str) -> Iterator[Engine]:
    with closing(client_of(endpoint, "dynamodb")) as dynamodb, closing(client_of(endpoint, "s3")) as s3, RecordedProxy(endpoint) as proxy:
        aws, proxied = aws_of(endpoint), aws_of(proxy.url)
        yield Engine(endpoint, aws, dynamodb, s3, proxy, proxied)
        for made in (aws, proxied):
            made.client("s3", attempts=1).close()
            made.client("s3").close()


@pytest.fixture(scope="session")
def ministack() -> Iterator[Engine]:
    """An embedded AWS with IAM on."""
    with EmbeddedAws() as aws, engine(aws.endpoint_url) as started:
        yield started


@pytest.fixture(scope="session")
def dynalite_engine() -> Iterator[Engine]:
    with dynalite.start() as endpoint, engine(endpoint) as started:
        yield started
