"""The handler in this process, with the clients of a server on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from headrace.aws.session import Aws
from headrace.aws.table import Table
from headrace.ports import Clock


class Context:
    """What the handler reads of Lambda's context."""

    invoked_function_arn = "arn:aws:lambda:us-east-1:111122223333:function:a-loader"
    aws_request_id = "in-process"

    def __init__(self, remaining_ms: int = 60_000) -> None:
        self.remaining_ms = remaining_ms

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms


class ClosingAws(Aws):
    """Remembers its tables. In Lambda they stay open as long as the process, here only as long as the test."""

    def table(self, name: str, clock: Clock) -> Table:
        self.tables = [*getattr(self, "tables", []), super().table(name, clock)]
        return self.tables[-1]


@contextmanager
def closing_aws(variables: Mapping[str, str]) -> Iterator[ClosingAws]:
    """The clients for these environment variables; their connections to tables are closed in the end."""
    aws = ClosingAws(endpoint_url=variables["AWS_ENDPOINT_URL"], region=variables["AWS_REGION"], credentials=variables)
    yield aws
    for table in getattr(aws, "tables", []):
        table.close()
