"""The ledger of the stack that headrace.yaml describes, and what a user calls the things in it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from headrace.cli.failure import usage
from headrace.cli.options import OpenAws, read_config
from headrace.config.match import route_for
from headrace.config.model import Config
from headrace.config.paths import nearest
from headrace.errors import HeadraceError, ServiceError
from headrace.ledger.entries import HISTORY_DAYS, Generation, iso
from headrace.ledger.ledger import Ledger
from headrace.ledger.store import LedgerStore
from headrace.ports import SystemClock

if TYPE_CHECKING:
    from headrace.aws.session import Aws

NEAR_KEYS = 500
"""So many of the loads of the last days are looked through for a key that an unknown one was meant to be."""
UNITS_S = {"m": 60, "h": 3_600, "d": 86_400}


@dataclass(frozen=True)
class LedgerAccess:
    """The ledger, opened. ``now`` is the table's time when it was, in seconds since the epoch."""

    config: Config
    project: Path
    aws: Aws
    store: LedgerStore
    ledger: Ledger
    now: float

    def ended(self, since: float) -> Iterator[Generation]:
        """Generations that ended after ``since`` (seconds since the epoch), the last first."""
        oldest = max(since, self.now - HISTORY_DAYS * UNITS_S["d"])
        first, last = (datetime.fromtimestamp(seconds, UTC).date() for seconds in (oldest, self.now))
        return (each for each in self.ledger.ended(first, last) if (each.ended_at or "") >= iso(since))

    def find(self, name: str) -> Generation:
        """The generation that ``name`` is the id of, or the one that counts of the object with this key. Raises GENERATION_UNKNOWN, OBJECT_UNKNOWN, USAGE."""
        if re.fullmatch("[0-9a-f]{32}", name):
            found = self.ledger.generation(name)
            if found is None:
                hint = f"`headrace history --object KEY` lists those of an object; an object of this name is s3://{self.config.source.bucket}/{name}"
                raise HeadraceError("GENERATION_UNKNOWN", f"the ledger of stack {self.config.name} has no generation {name}", hint=hint)
            return found
        key = self.key(name)
        found = self.ledger.current(self.config.source.bucket, key)
        if found is None:
            raise self.unknown(key)
        return found

    def key(self, name: str) -> str:
        """The key that ``name`` stands for, a key or the address of an object. Raises USAGE for one of another bucket."""
        bucket = self.config.source.bucket
        if name.startswith("s3://") and not name.startswith(f"s3://{bucket}/"):
            raise usage(f"found {name}, expected an object of the bucket {bucket}", "name the config of its stack with --config PATH")
        key = name.removeprefix(f"s3://{bucket}/")
        if not key:
            raise usage("found no key, expected that of an object", "`headrace history` lists the last objects")
        return key

    def unknown(self, key: str) -> HeadraceError:
        """The error for a key that the ledger does not have, with what may be the cause."""
        near = nearest(key, {each.key for each in islice(self.ended(self.now - 7 * UNITS_S["d"]), NEAR_KEYS)})
        if near:
            hint = f"did you mean {near}?"
        elif route_for(self.config.routes, key) is None:
            hint = "no route takes this key, so nothing loads it: see `headrace check`"
        else:
            hint = (
                f"see whether it is there: aws s3 ls {shlex.quote(f's3://{self.config.source.bucket}/{key}')}; `headrace status` shows what waits in the queues"
            )
        return HeadraceError("OBJECT_UNKNOWN", f"the ledger of stack {self.config.name} knows no object {key}", hint=hint)


def open_ledger(config_path: Path | None, open_aws: OpenAws) -> LedgerAccess:
    """The ledger of the stack that the config describes. Raises LEDGER_MISSING if it is not deployed here, and what the call to it raises."""
    config, path = read_config(config_path)
    aws = open_aws()
    store = aws.ledger(config.ledger_table, SystemClock())
    try:
        now = store.now()
    except ServiceError as error:
        if error.code != "LEDGER_MISSING":
            raise
        place = f"in {aws.region} at {aws.client('dynamodb').meta.endpoint_url}"
        hint = "deploy the stack with `headrace deploy`, or correct --region, --profile, --endpoint-url or the config's `name`"
        raise ServiceError("LEDGER_MISSING", f"stack {config.name} has no ledger: no table {config.ledger_table} {place}", hint=hint) from None
    return LedgerAccess(config, path.absolute().parent, aws, store, Ledger(store), now)


@dataclass(frozen=True)
class Since:
    """A moment as it was written: ``at`` in seconds since the epoch, or else so many seconds before now."""

    text: str
    before_s: float = 0.0
    at: float | None = None

    def seconds(self, now: float) -> float:
        """Since the epoch."""
        return max(0.0, now - self.before_s if self.at is None else self.at)


def _since(ctx: click.Context, param: click.Parameter, text: str) -> Since:
    if found := re.fullmatch(r"(\d{1,6})([mhd])", text):
        return Since(text, before_s=int(found[1]) * UNITS_S[found[2]])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"found {text!r}, expected such as 12h, 7d, 2026-11-22 or 2026-11-22T15:00Z", ctx, param) from None
    return Since(text, at=(moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


since_option = click.option("--since", callback=_since, default="7d", show_default=True, metavar="WHEN", help="90m, 12h or 7d ago, or a date or time in UTC.")
