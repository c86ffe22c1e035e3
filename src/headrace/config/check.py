"""The rules that a config keeps beyond its shape: of names, of numbers, and of parts that have to agree. Pure.

What concerns one route is in ``check_route`` and ``check_key``. Sources are the pages of AWS as of 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from headrace.config.check_route import route_problems
from headrace.config.model import LIBRARY_FORMATS, Config, Route, Table
from headrace.config.paths import child
from headrace.errors import ConfigProblem, shortened

RANGES: dict[str, dict[str, tuple[int, int | None]]] = {
    "Table": {"max_write_units_per_s": (1, None)},
    "Rejects": {"retention_days": (1, 36_500)},
    "OnError": {"max_rejects": (0, None), "max_reject_percent": (0, 100)},
    "Limits": {
        "object_bytes_max": (1, None),
        "decompressed_bytes_max": (1, None),
        "decompressed_ratio_max": (1, None),
        "reader_bytes_max": (1 << 24, None),
        "record_bytes_max": (1, 16 * 1024 * 1024),
        "field_bytes_max": (1, None),
        "columns_max": (1, 10_000),
        "name_bytes_max": (1, 65_535),
        "nesting_max": (1, 32),
        "rejects_bytes_max": (1, None),
        "bytes_per_day": (1, None),
        "records_per_day": (1, None),
    },
    "Function": {"memory_mb": (128, 10_240), "timeout_s": (1, 900), "maximum_concurrency": (2, 1_000)},
}
"""The least and the greatest value, by class and field."""

LOG_RETENTION_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
"""https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html"""

STACK_NAME = r"[A-Za-z][A-Za-z0-9-]{0,39}"
"""CloudFormation takes 128 characters; the names made of it, such as the function's with 64, need room for their endings."""

BUCKET_NAME = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html"""

TABLE_NAME = r"[A-Za-z0-9_.-]{3,255}"
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html"""

ROUTES_MAX = 50
"""Each prefix takes two of the 100 notification configurations of a bucket (S3 user guide, notification-how-to-filtering, 2026-11)."""

LIBRARY_MEMORY_MB = 192
"""What the function and a reader's process need with their libraries (120 MB), and the writer (57 MB). Beside it the fetched part of an object is held twice,
or once and what is made of it: 332 MB in all were measured with a row group of 126 MB (2026-11)."""

_BUCKET_REFUSED = re.compile(r".*\.\.|\d+\.\d+\.\d+\.\d+$|xn--|sthree-|amzn-s3-demo-|.*(-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)$")


def check(config: Config) -> list[ConfigProblem]:
    """Every rule that ``config`` breaks, in the order of the reference page; the ``line`` of each is 0."""
    problems = [*_stack(config), *_buckets(config), *_numbers(config), *_memory(config), *_tables(config)]
    if not config.routes:
        problems.append(ConfigProblem("routes", "no route", "at least one", "add a route with `name`, `match`, `format` and `table`"))
    if len(config.routes) > ROUTES_MAX:
        found = f"{len(config.routes)} routes"
        problems.append(
            ConfigProblem(
                "routes",
                found,
                f"at most {ROUTES_MAX}",
                "take more objects with each pattern, such as all of a prefix, or make a second stack with a bucket of its own",
            )
        )
    for index in range(len(config.routes)):
        problems += route_problems(config, index)
    return problems


def _stack(config: Config) -> Iterator[ConfigProblem]:
    if not re.fullmatch(STACK_NAME, config.name):
        expected = "1 to 40 letters, digits and hyphens, a letter first"
        yield ConfigProblem("name", shortened(config.name), expected, "choose such a name; it begins the names of all that the stack creates")


def _buckets(config: Config) -> Iterator[ConfigProblem]:
    source, rejects = config.source.bucket, config.rejects.bucket
    for path, bucket in (("source.bucket", source), ("rejects.bucket", rejects)):
        if bucket != rejects or rejects:
            yield from _bucket(path, bucket)
    if rejects and rejects == source:
        yield ConfigProblem("rejects.bucket", shortened(rejects), "another bucket than the source", "name another bucket, or remove the line for the default")
    if not rejects and len(config.rejects_bucket) > 63:
        expected = "a name, because that of the source with `-rejects` is longer than 63 characters"
        yield ConfigProblem("rejects.bucket", "nothing", expected, "write a name of at most 63 characters")


def _bucket(path: str, bucket: str) -> Iterator[ConfigProblem]:
    if re.fullmatch(BUCKET_NAME, bucket) and not _BUCKET_REFUSED.match(bucket):
        return
    expected = "a bucket name: 3 to 63 lower-case letters, digits, hyphens and dots"
    if ":" in bucket or "/" in bucket:
        yield ConfigProblem(path, shortened(bucket), expected, "write the name alone, without `s3://`, ARN or prefix")
    elif re.fullmatch(BUCKET_NAME, bucket.lower().replace("_", "-")):
        hint = "use lower case, hyphens for underscores, and none of the forms that S3 reserves (IP addresses, `..`, `xn--`, `-s3alias`)"
        yield ConfigProblem(path, shortened(bucket), expected, hint)
    else:
        yield ConfigProblem(path, shortened(bucket), expected, "choose a name by S3's rules, a letter or digit first and last")


def _numbers(config: Config) -> Iterator[ConfigProblem]:
    parts: list[tuple[str, object]] = [("rejects", config.rejects), ("limits", config.limits), ("function", config.function)]
    parts += [(child("tables", entry), table) for entry, table in config.tables.items()]
    parts += [(f"routes[{index}].on_error", route.on_error) for index, route in enumerate(config.routes)]
    for path, part in parts:
        for name, (least, greatest) in RANGES[type(part).__name__].items():
            value = getattr(part, name)
            if value is not None and not least <= value <= (value if greatest is None else greatest):
                expected = f"at least {least}" if greatest is None else f"{least} to {greatest}"
                yield ConfigProblem(child(path, name), str(value), expected, "write a number in this range, or remove the line for the default")
    days = config.function.log_retention_days
    if days not in LOG_RETENTION_DAYS:
        near = min(LOG_RETENTION_DAYS, key=lambda allowed: abs(allowed - days))
        expected = f"a period that CloudWatch Logs offers: {', '.join(map(str, LOG_RETENTION_DAYS))}"
        yield ConfigProblem("function.log_retention_days", str(days), expected, f"write `{near}`")


def _memory(config: Config) -> Iterator[ConfigProblem]:
    """A reader that takes what its limit allows must not end the whole function."""
    route = next((route for route in config.routes if route.format in LIBRARY_FORMATS), None)
    least = LIBRARY_MEMORY_MB + 2 * -(-config.limits.reader_bytes_max >> 20)
    if route and config.function.memory_mb < least:
        expected = f"at least {least}, because route {route.name} reads {route.format} with up to limits.reader_bytes_max ({config.limits.reader_bytes_max})"
        yield ConfigProblem("function.memory_mb", str(config.function.memory_mb), expected, "raise it, or lower limits.reader_bytes_max")


def _tables(config: Config) -> Iterator[ConfigProblem]:
    if not config.tables:
        yield ConfigProblem("tables", "no table", "at least one", "add a table with its `key`")
    entries: dict[str, str] = {}
    for entry, table in config.tables.items():
        path = child("tables", entry)
        name_path, name = (child(path, "name"), table.name) if table.name else (path, entry)
        if not re.fullmatch(TABLE_NAME, name):
            expected = "a table name: 3 to 255 letters, digits, `_`, `-` and `.`"
            hint = "write the name alone, not the ARN" if name.startswith("arn:") else "choose such a name, or give one under `name`"
            yield ConfigProblem(name_path, shortened(name), expected, hint)
        if name in entries:
            hint = f"keep one entry and let the routes of both use it; `{entries[name]}` names it too"
            yield ConfigProblem(name_path, shortened(name), "each table once", hint)
        entries.setdefault(name, entry)
        yield from _table_key(path, table)
        if table.ttl:
            yield from _ttl(path, entry, table, config.routes)


def _table_key(path: str, table: Table) -> Iterator[ConfigProblem]:
    path = child(path, "key")
    if not 1 <= len(table.key) <= 2:
        expected = "a partition key and perhaps a sort key"
        yield ConfigProblem(path, f"{len(table.key)} attributes", expected, "write one or two attributes, such as `pk: string`")
    for name in table.key:
        size = len(name.encode("utf-8", "surrogatepass"))
        if not 1 <= size <= 255:
            yield ConfigProblem(child(path, name), f"a name of {size} bytes", "1 to 255 bytes (UTF-8)", "choose a shorter name" if size else "write a name")
        if name.startswith("hr_"):
            yield ConfigProblem(child(path, name), shortened(name), "a name that does not begin `hr_`", "choose another name; headrace keeps `hr_` for itself")


def _ttl(path: str, entry: str, table: Table, routes: list[Route]) -> Iterator[ConfigProblem]:
    path = child(path, "ttl")
    if table.ttl.startswith("hr_"):
        yield ConfigProblem(path, shortened(table.ttl), "a name that does not begin `hr_`", "choose another name; headrace keeps `hr_` for itself")
        return
    puts = [route for route in routes if route.table == entry and route.mode not in ("delete", "update")]
    if puts and not any(_gives_time(route, table.ttl) for route in puts):
        expected = f"a column of type `timestamp` or `number`, or a constant number, that gives `{table.ttl}` in a route to this table"
        yield ConfigProblem(path, shortened(table.ttl), expected, f"declare the column with `type: timestamp` and `name: {table.ttl}`, or remove `ttl`")


def _gives_time(route: Route, attribute: str) -> bool:
    if type(route.constants.get(attribute)) is int:
        return True
    return any(column.type in ("timestamp", "number") and (column.name or name) == attribute for name, column in route.columns.items())
