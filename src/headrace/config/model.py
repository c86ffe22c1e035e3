"""The shape of ``headrace.yaml``: plain frozen classes, loaded in the function without any validation library.

The docstring under a field is its documentation in the JSON Schema and in the reference page. Whatever is built from these
classes has passed ``headrace.config.parse``; the stages rely on that and check nothing twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

ColumnType = Literal["string", "number", "boolean", "binary", "timestamp", "list", "map", "json", "string_set", "number_set", "drop"]
EmptyPolicy = Literal["omit", "null", "empty", "reject"]
KeyType = Literal["string", "number", "binary"]
Format = Literal["csv", "tsv", "jsonl"]


@dataclass(frozen=True)
class Source:
    """Where the objects land."""

    bucket: str
    """Name of the S3 bucket that receives the files. The stack creates it."""
    trigger: Literal["sqs", "direct"] = "sqs"
    """`sqs`: S3 → SQS → function, retried and with a dead-letter queue. `direct`: S3 invokes the function itself."""


@dataclass(frozen=True)
class Rejects:
    """Where rejected records are kept."""

    bucket: str = ""
    """Name of the bucket for rejected records; never the source bucket. Default: the source bucket's name and `-rejects`."""
    retention_days: int = 90
    """Days after which rejected records expire."""


@dataclass(frozen=True)
class Table:
    """A DynamoDB table."""

    key: dict[str, KeyType]
    """Key attributes and their types: the partition key first, then the sort key, if any."""
    name: str = ""
    """Name of the table. Default: the name of this entry."""
    ttl: str = ""
    """Attribute with the expiry time in epoch seconds, for DynamoDB's time to live."""
    existing: bool = False
    """`true`: the table exists and the stack only writes to it. `false`: the stack creates it."""


@dataclass(frozen=True)
class Column:
    """How one column of the file becomes one attribute of the item."""

    type: ColumnType = "string"
    """Type of the attribute. `timestamp` is stored as a number of epoch seconds; `drop` leaves the column out, though key templates can use it."""
    name: str = ""
    """Name of the attribute. Default: the name of the column."""
    empty: EmptyPolicy | None = None
    """What an empty or null value becomes. Default: the route's `empty`."""
    format: str = ""
    """How the file writes it. `timestamp`: `iso` (default), `epoch_s`, `epoch_ms` or a strptime pattern. `binary`: `base64` (default) or `hex`."""
    separator: str = "|"
    """Between the members of a `list`, `string_set` or `number_set` in a CSV cell."""


@dataclass(frozen=True)
class OnError:
    """What to do about rejected records."""

    max_rejects: int | None = 1000
    """The object fails once more records than this are rejected; `null` for no limit."""


@dataclass(frozen=True)
class Route:
    """Which objects go to which table, and how their records become items."""

    name: str
    """Name of the route, used in logs, metrics and addresses of rejects."""
    match: str
    """Key pattern of the objects: `*` within a folder, `**` across folders, `?` for one character. The first route that matches takes the object."""
    format: Format
    """Format of the objects, plain or compressed with gzip."""
    table: str
    """Name of an entry under `tables`."""
    columns: dict[str, Column] = field(default_factory=dict)
    """Columns of the file by name, each with its type alone (`price: number`) or with all its settings."""
    other_columns: Literal["keep", "drop", "reject"] = "reject"
    """Columns not named in `columns`: `keep` (text as string, JSON values as they are), `drop`, or `reject` the record or file."""
    key: dict[str, str] = field(default_factory=dict)
    """Templates for key attributes, such as `"order#{order_id}"`; `{month:02}` pads with zeros, `{{` and `}}` are braces."""
    constants: dict[str, str | int | bool] = field(default_factory=dict)
    """Attributes with the same value in every item."""
    empty: EmptyPolicy = "omit"
    """What an empty or null value becomes: no attribute, NULL, the empty string, or a rejected record."""
    null_values: list[str] = field(default_factory=list)
    """Texts that mean null, such as `NA`."""
    header: list[str] | None = None
    """Column names of a CSV or TSV without a header line."""
    delimiter: str = ""
    """One character between CSV fields. Default: a comma, or a tab for `tsv`."""
    mode: Literal["put", "delete"] = "put"
    """`put` writes items, `delete` removes the items with these keys."""
    transform: str = ""
    """A Python function as `module:function`: gets the record as a dict, returns it changed, or None to filter it out."""
    on_error: OnError = field(default_factory=OnError)
    """What to do about rejected records."""


@dataclass(frozen=True)
class Limits:
    """What headrace refuses to read."""

    object_bytes_max: int = 5_000_000_000
    """Largest object, in bytes as stored."""
    decompressed_bytes_max: int = 50_000_000_000
    """Largest object, in bytes after decompression."""
    record_bytes_max: int = 1_048_576
    """Largest record, in bytes as it stands in the object."""


@dataclass(frozen=True)
class Function:
    """The Lambda function."""

    architecture: Literal["arm64", "x86_64"] = "arm64"
    """Processor of the function."""
    memory_mb: int = 1769
    """Memory in MB; 1,769 is one vCPU."""
    timeout_s: int = 300
    """Seconds after which Lambda ends an invocation, at most 900."""
    maximum_concurrency: int = 10
    """Most invocations at once, 2 to 1000: the knob that protects the table."""
    log_retention_days: int = 30
    """Days that logs are kept."""


@dataclass(frozen=True)
class Config:
    """A whole `headrace.yaml`."""

    source: Source
    """Where the objects land."""
    tables: dict[str, Table]
    """Tables by the name that routes call them."""
    routes: list[Route]
    """Which objects go to which table; the first that matches a key takes the object."""
    name: str = "headrace"
    """Name of the stack and prefix of what it creates."""
    rejects: Rejects = field(default_factory=Rejects)
    """Where rejected records are kept."""
    limits: Limits = field(default_factory=Limits)
    """What headrace refuses to read."""
    function: Function = field(default_factory=Function)
    """The Lambda function."""

    @property
    def rejects_bucket(self) -> str:
        """The name of the bucket for rejected records, also where it has its default."""
        return self.rejects.bucket or f"{self.source.bucket}-rejects"

    @property
    def failed_queue(self) -> str:
        """The name of the queue for events that were given up."""
        return f"{self.name}-failed"

    def table_name(self, entry: str) -> str:
        """The name in AWS of the table under ``entry``."""
        return self.tables[entry].name or entry
