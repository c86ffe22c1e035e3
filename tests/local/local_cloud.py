"""An embedded AWS with a function host, and the few calls that the tests make on them."""

from __future__ import annotations

import io
import itertools
import json
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.config import Config

from headrace.local.emulator import EmbeddedAws
from headrace.local.function_host import FunctionHost
from headrace.local.report import Report

T = TypeVar("T")
NAMES = tuple(f"function-{number}" for number in range(60))
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
LOGS_ONLY = [{"Effect": "Allow", "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"}]
_session_lock = threading.Lock()


def wait_until(found: Callable[[], T], seconds: float = 120.0) -> T:
    """What ``found`` returns as soon as it is truthy."""
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {value!r}"
        time.sleep(0.02)
    return value


def zipped(source: str) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as content:
        content.writestr("app.py", source)
    return archive.getvalue()


@dataclass
class LocalCloud:
    """``lines`` and ``problems`` are what the host's callbacks got."""

    aws: EmbeddedAws
    host: FunctionHost | None = None
    lines: list[tuple[str, str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    names: Iterator[str] = field(default_factory=lambda: iter(NAMES))
    roles: Iterator[int] = field(default_factory=itertools.count)
    root: dict[str, Any] = field(default_factory=dict)

    def make_client(self, service: str, credentials: Mapping[str, str] | None = None) -> Any:
        variables = self.aws.credentials | dict(credentials or {})
        with _session_lock:
            return boto3.Session().client(
                service,  # type: ignore[call-overload]  # any service
                endpoint_url=self.aws.endpoint_url,
                region_name=self.aws.region,
                aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
                aws_session_token=variables.get("AWS_SESSION_TOKEN"),
                config=Config(retries={"total_max_attempts": 1}, max_pool_connections=64, read_timeout=120),
            )

    def client(self, service: str) -> Any:
        """The root user's client."""
        if service not in self.root:
            self.root[service] = self.make_client(service)
        return self.root[service]

    def role(self, statements: list[dict[str, Any]]) -> str:
        """The ARN of a new role for Lambda with this policy."""
        name = f"role-{next(self.roles)}"
        arn: str = self.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        if statements:
            self.client("iam").put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}))
        return arn

    def deploy(self, source: str, *, statements: list[dict[str, Any]] | None = None, **settings: Any) -> str:
        """The name of a new function with ``handler`` in ``source``."""
        name = next(self.names)
        self.client("lambda").create_function(
            **{"FunctionName": name, "Runtime": "python3.11", "Handler": "app.handler", "Timeout": 60, "MemorySize": 128}
            | {"Role": self.role(LOGS_ONLY if statements is None else statements), "Code": {"ZipFile": zipped(source)}}
            | settings
        )
        return name

    def invoke(self, name: str, event: object = None) -> Any:
        """The function's answer; AssertionError if it failed."""
        response = self.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
        payload = json.load(response["Payload"])
        assert "FunctionError" not in response, payload
        return payload

    def failed(self, name: str, event: object = None) -> Mapping[str, Any]:
        """The error of an invocation that must fail: as the host reported it."""
        before = len(self.reports(name))
        response = self.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
        payload = json.load(response["Payload"])
        assert response.get("FunctionError") == "Unhandled", payload
        error = wait_until(lambda: self.reports(name)[before:])[0].error  # on a stalled machine MiniStack gives up before the host has reported
        assert error
        assert str(error["errorType"]) in payload["errorMessage"]
        return error

    def reports(self, name: str) -> list[Report]:
        assert self.host
        return [report for report in self.host.recent_reports() if report.function_name == name]

    def said(self, name: str) -> list[str]:
        """The function's log events so far."""
        return [text for function, _, text in self.lines if function == name]

    def streams(self, group: str) -> dict[str, list[str]]:
        """The events of each stream of a log group; {} while there is no such group."""
        logs = self.client("logs")
        try:
            names = [stream["logStreamName"] for stream in logs.describe_log_streams(logGroupName=group)["logStreams"]]
            return {
                name: [event["message"] for event in logs.get_log_events(logGroupName=group, logStreamName=name, startFromHead=True)["events"]]
                for name in names
            }
        except logs.exceptions.ResourceNotFoundException:
            return {}

    def metric_sum(self, namespace: str, metric: str, dimension: str, value: str) -> float:
        """The sum of a metric's values so far."""
        now = datetime.now(UTC)
        points = self.client("cloudwatch").get_metric_statistics(
            Namespace=namespace,
            MetricName=metric,
            Dimensions=[{"Name": dimension, "Value": value}],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(minutes=5),
            Period=3600,
            Statistics=["Sum"],
        )["Datapoints"]
        return float(sum(point["Sum"] for point in points))


@contextmanager
def local_cloud() -> Iterator[LocalCloud]:
    with EmbeddedAws(NAMES) as aws:
        cloud = LocalCloud(aws)

        def on_log(name: str, request_id: str, text: str) -> None:
            cloud.lines.append((name, request_id, text))

        with FunctionHost(aws, cloud.make_client, on_log=on_log, on_problem=cloud.problems.append, sandboxes_max=6) as host:
            cloud.host = host
            yield cloud


def children_of(pid: int) -> set[int]:
    """The processes that ``pid`` started and that still run (Linux)."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z" and int(fields[1]) == pid:
            found.add(int(status.parent.name))
    return found
