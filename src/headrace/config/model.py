"""The shape of ``headrace.yaml``: plain frozen classes, loaded in the function without any validation library.

The docstring under a field is its documentation in the JSON Schema and in the reference page. Whatever is built from these
classes has passed ``headrace.config.parse``; the stages rely on that and check nothing twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

ColumnType = Literal["string", "number", "boolean", "binary", "timestamp", "date", "list", "map", "json", "string_set", "number_set", "drop"]
EmptyPolicy = Literal["omit", "null", "empty", "keep", "reject"]
KeyType = Literal["string", "number", "binary"]
Format = Literal["csv", "tsv", "fixed", "jsonl", "json", "json_values", "dynamodb_json", "ion", "parquet", "orc", "avro", "xlsx"]
Encoding = Literal["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "latin-1", "windows-1252"]
Codec = Literal["zstd", "lz4", "snappy"]
Mode = Literal["put", "delete", "insert_only", "update", "newer_wins"]
TYPED_FORMATS: tuple[Format, ...] = ("dynamodb_json", "ion")
"""Formats whose values have the types of DynamoDB: what no column names stays as it is, empty or null too."""
LIBRARY_FORMATS: tuple[Format, ...] = ("parquet", "orc", "avro", "xlsx", "ion")
"""Formats that are read by a library of their own, in a process of its own."""
SINGLE_MODES: tuple[Mode, ...] = ("insert_only", "update", "newer_wins")
"""Modes that take one call for each item: BatchWriteItem knows neither conditions nor updates."""


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
    max_write_units_per_s: int | None = None
    """Most write units a second, indexes included: `headrace load` uses all, each invocation of the function 1 part in `function.maximum_concurrency`."""


@dataclass(frozen=True)
class Column:
    """How one column of the file becomes one attribute of the item."""

    type: ColumnType = "string"
    """Type of the attribute. `timestamp` becomes a number of epoch seconds, `date` the text `2024-12-31`; `drop` leaves the column to key templates."""
    name: str = ""
    """Name of the attribute. Default: the name of the column."""
    empty: EmptyPolicy | None = None
    """What an empty or null value becomes. Default: the route's `empty`."""
    format: str = ""
    """How the file writes it. `timestamp`: `iso` (default), `epoch_s`, `epoch_ms`, a strptime pattern; `date`: `iso`, a pattern; `binary`: `base64`, `hex`."""
    decimal: str = "."
    """The decimal mark of a `number` in text."""
    thousands: str = ""
    """The mark between groups of digits of a `number` in text; it may be left out, but stands nowhere else. Default: none."""
    separator: str = "|"
    """Between the members of a `list`, `string_set` or `number_set` in a CSV cell."""


@dataclass(frozen=True)
class OnError:
    """What to do about rejected records."""

    action: Literal["continue", "skip_file", "abort"] = "continue"
    """`continue`: stop as PARTIAL beyond the limit. `skip_file`: read all first, at one go, write nothing if it is beyond. `abort`: stop at the first."""
    max_rejects: int | None = 1000
    """The limit: more rejected records than this in one object; `null` for no limit."""
    max_reject_percent: float | None = None
    """The limit as a share of the records read, looked at after 1,000 records and at the end; `null` for no limit."""


@dataclass(frozen=True)
class Route:
    """Which objects go to which table, and how their records become items."""

    name: str
    """Name of the route, used in logs, metrics and addresses of rejects."""
    match: str
    """Key pattern of the objects: `*` within a folder, `**` across folders, `?` for one character. The first route that matches takes the object."""
    format: Format
    """Format of the objects; compression is seen from their bytes. What their values become: [Types](types.md)."""
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
    """What an empty or null value becomes: no attribute, NULL, the empty string, what it is (null NULL, empty text the empty string), or a rejected record."""
    null_values: list[str] = field(default_factory=list)
    """Texts that mean null, such as `NA`."""
    header: list[str] | None = None
    """Column names of a CSV or TSV without a header line."""
    delimiter: str = ""
    """One or more characters between CSV fields. Default: a comma, or a tab for `tsv`."""
    quote: str = '"'
    """The character around CSV fields that hold delimiters or line ends, doubled within them; `""` for none."""
    escape: str = ""
    """A character that takes the one after it as text, within quotes and without, such as `"\\\\"`. `\\N` stays as it is, for `null_values`. Default: none."""
    comment: str = ""
    """Lines of CSV or fixed width that begin with this text are skipped. Default: none."""
    skip_lines: int = 0
    """Physical lines before the header, or before the first record, that are skipped."""
    skip_footer_lines: int = 0
    """Lines at the end that are skipped, with blank lines after them; at most `limits.record_bytes_max` bytes."""
    ragged: Literal["reject", "pad", "keep_extra"] = "reject"
    """Records of another length than the header: rejected, short ones filled with empty fields, or also what is beyond kept in a column `extra`."""
    header_names: Literal["reject", "number"] = "reject"
    """Names that are empty or twice in the header of text or a sheet: fail, or `number` them: `name_2` for the second `name`, `column_3` for an empty third."""
    encoding: Encoding = "utf-8"
    """Encoding of the text; a byte order mark is skipped, that of another encoding fails the object."""
    widths: dict[str, int] = field(default_factory=dict)
    """Columns of `fixed`: each one's name and width in characters, in order. Spaces around values are cut off."""
    sheet: str = ""
    """Name of the sheet of an `xlsx` that holds the records. Default: the first."""
    path: str = ""
    """Where in a document of `json` the records stand, as names with dots between: `data.items`. Default: the top."""
    duplicate_names: Literal["reject", "last"] = "reject"
    """A name that is twice in one JSON object: reject the record, or take the `last` value."""
    other_values: Literal["reject", "wrap"] = "reject"
    """Records of `json` or `json_values` that are no objects: reject them, or `wrap` each as the member `value` of one."""
    mode: Mode = "put"
    """`put` replaces whole items, `delete` removes the items with these keys; for the others, which cost one call per item, see [Write modes](#write-modes)."""
    order: Literal["any", "file"] = "any"
    """For keys that come again in another chunk of a large object: with `file` the last record wins, written twice; with `any` either may win."""
    newer_by: str = ""
    """For `newer_wins`: the attribute that says how new an item is."""
    operation: str = ""
    """Column with the operation of each record: `I` and `U` write as `mode` says, `D` deletes. It becomes no attribute unless `columns` names it."""
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
    decompressed_ratio_max: int = 1_000
    """Most bytes that one byte as stored may become; the first megabyte is free."""
    reader_bytes_max: int = 134_217_728
    """Most memory that the reader of a binary format may take beside its library: no row group, block or row is larger."""
    record_bytes_max: int = 1_048_576
    """Largest record, in bytes as it stands in the object; for other encodings than UTF-8, in bytes of UTF-8."""
    field_bytes_max: int = 1_048_576
    """Largest field of a CSV, in bytes of UTF-8, quotes not counted."""
    columns_max: int = 10_000
    """Most columns in a header, or members in a JSON object."""
    name_bytes_max: int = 65_535
    """Longest name of a column or member, in bytes of UTF-8."""
    nesting_max: int = 32
    """Most levels of JSON values in each other, the record itself not counted."""
    rejects_bytes_max: int = 268_435_456
    """Most bytes of rejected records that are kept of one object; beyond it the load stops as it does at `max_rejects`."""
    bytes_per_day: int | None = None
    """The brake: after so many bytes as stored in one day (UTC) loads pause until the next day; nothing is lost. `null` for none."""
    records_per_day: int | None = None
    """The same in records. A load that is under way stops within two minutes."""


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
    codecs: list[Codec] = field(default_factory=list)
    """Compression that the function shall read beside gzip, bzip2, xz and zip, which need nothing: its zip carries a library for each."""


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
    def loader_function(self) -> str:
        """The name of the function that loads."""
        return f"{self.name}-loader"

    @property
    def sweeper_function(self) -> str:
        """The name of the function that finds what no event told of."""
        return f"{self.name}-sweeper"

    @property
    def events_queue(self) -> str:
        """The name of the queue of the bucket's events."""
        return f"{self.name}-events"

    @property
    def failed_queue(self) -> str:
        """The name of the queue for events that were given up."""
        return f"{self.name}-failed"

    @property
    def chunks_queue(self) -> str:
        """The name of the queue for the chunks of large objects."""
        return f"{self.name}-chunks"

    @property
    def ledger_table(self) -> str:
        """The name of the table that knows what was loaded."""
        return f"{self.name}-ledger"

    def table_name(self, entry: str) -> str:
        """The name in AWS of the table under ``entry``."""
        return self.tables[entry].name or entry
