"""Ledger tables on an engine."""

from __future__ import annotations

from contracts.engines import Engine, names
from contracts.memory_ledger import MemoryLedger
from contracts.virtual_clock import VirtualClock
from headrace.aws.ledger_store import DynamoLedgerStore
from headrace.aws.session import Aws
from headrace.ledger.store import LISTING, LedgerStore
from headrace.ports import Clock, SystemClock

KEYS = ("pk", "sk", "listing", "listed_at")


def ledger_table(engine: Engine) -> str:
    """A new table with the keys and the index of a ledger; returns its name."""
    name = next(names)
    engine.dynamodb.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": attribute, "AttributeType": "S"} for attribute in KEYS],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": LISTING,
                "KeySchema": [{"AttributeName": "listing", "KeyType": "HASH"}, {"AttributeName": "listed_at", "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


def dynamo_store(aws: Aws, table: str, clock: Clock | None = None) -> DynamoLedgerStore:
    return DynamoLedgerStore(aws.client("dynamodb", attempts=1), table, clock or SystemClock())


def ledger_store(kind: str, engine: Engine | None) -> LedgerStore:
    """An empty ledger of one kind: ``memory``, or a new table of ``engine``."""
    return dynamo_store(engine.aws, ledger_table(engine)) if engine else MemoryLedger(VirtualClock())
