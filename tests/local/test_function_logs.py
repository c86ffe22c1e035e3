"""Logs and metrics of local functions end where Lambda puts them, under the function's own permissions."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from local.local_cloud import LocalCloud, wait_until

TALKATIVE = """
import logging, os, sys
logging.getLogger().setLevel("INFO")
print("loading")
def handler(event, context):
    logging.info("first line\\nsecond line")
    print("plain")
    os.write(2, b"bad byte \\xff\\n")
    return "done"
"""


def test_log_events_of_a_function_reach_cloudwatch_in_one_stream(cloud: LocalCloud) -> None:
    """One stream per sandbox, START and REPORT around what was logged, messages with line ends kept whole, and nothing else."""
    name = cloud.deploy(TALKATIVE)
    for _ in range(2):
        cloud.invoke(name)
    group = f"/aws/lambda/{name}"
    wait_until(lambda: sum(map(len, cloud.streams(group).values())) == 13)
    ((stream, events),) = wait_until(lambda: cloud.streams(group)).items()
    first, second = cloud.reports(name)
    assert stream == first.log_stream == second.log_stream
    assert events[:2] == ["loading", f"START RequestId: {first.request_id} Version: $LATEST"]
    assert sorted(events[2:5]) == sorted(["plain", "bad byte \ufffd", next(text for text in events if text.startswith("[INFO]"))])
    assert any(text.endswith(f"{first.request_id}\tfirst line\nsecond line") for text in events)
    assert events[5] == f"END RequestId: {first.request_id}"
    assert events[6].startswith(f"REPORT RequestId: {first.request_id}\tDuration: {first.duration_ms:.2f} ms\tBilled Duration: {first.billed_ms} ms\t")
    assert "Init Duration" in events[6]
    assert "Init Duration" not in events[12]
    assert cloud.said(name) == events


def test_json_log_format_is_honoured_with_group_and_level(cloud: LocalCloud) -> None:
    """LoggingConfig chooses the group, the format of the function's and of Lambda's own lines, and the level."""
    name = cloud.deploy(
        "import logging\ndef handler(event, context):\n    logging.info('hidden')\n    logging.warning('shown')\n",
        LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "WARN", "LogGroup": "/headrace/json"},
    )
    cloud.invoke(name)
    (events,) = wait_until(lambda: [events for events in cloud.streams("/headrace/json").values() if len(events) == 3 and "platform" in events[0]])
    start, warning, report = map(json.loads, events)
    assert (start["type"], report["type"], report["record"]["status"]) == ("platform.start", "platform.report", "success")
    assert (warning["message"], warning["level"], warning["requestId"]) == ("shown", "WARNING", report["record"]["requestId"])


def test_log_lines_without_the_permission_are_told_once(cloud: LocalCloud) -> None:
    """A role without logs permissions leaves CloudWatch empty, as on AWS; the user is told, once, and still sees the lines."""
    name = cloud.deploy(TALKATIVE, statements=[])
    for _ in range(2):
        cloud.invoke(name)
    told = wait_until(lambda: [problem for problem in cloud.problems if name in problem])
    assert "plain" in cloud.said(name)
    assert len(told) == 1
    assert "logs:CreateLogStream" in told[0]
    assert "AccessDenied" in told[0]
    assert not any(cloud.reports(name)[0].log_stream == stream for stream in cloud.streams(f"/aws/lambda/{name}"))


def test_embedded_metrics_in_the_log_become_cloudwatch_metrics(cloud: LocalCloud) -> None:
    """A line in Embedded Metric Format is a metric with its dimensions, unit and every value."""
    directive = {"Namespace": "Headrace/Test", "Dimensions": [["Route"]], "Metrics": [{"Name": "Written", "Unit": "Count"}]}
    line = {"_aws": {"Timestamp": int(datetime.now(UTC).timestamp() * 1000), "CloudWatchMetrics": [directive]}, "Route": "orders", "Written": [2, 3.5]}
    name = cloud.deploy("def handler(event, context):\n    print(event)\n")
    cloud.invoke(name, json.dumps(line))
    assert wait_until(lambda: cloud.metric_sum("Headrace/Test", "Written", "Route", "orders")) == 5.5


def test_line_that_only_looks_like_embedded_metrics_is_told(cloud: LocalCloud) -> None:
    """A broken metric line is a problem told, not a silent gap in a graph."""
    name = cloud.deploy("def handler(event, context):\n    print(event)\n")
    cloud.invoke(name, '{"_aws": {"CloudWatchMetrics": []}}')
    assert wait_until(lambda: [problem for problem in cloud.problems if name in problem and "Embedded Metric Format" in problem])


def test_invocations_are_counted_once_in_the_lambda_metrics(cloud: LocalCloud) -> None:
    """AWS/Lambda has each direct invocation exactly once, and its errors."""
    name = cloud.deploy("def handler(event, context):\n    assert not event\n")
    cloud.invoke(name)
    cloud.failed(name, 1)
    wait_until(lambda: sum(text.startswith("REPORT") for events in cloud.streams(f"/aws/lambda/{name}").values() for text in events) >= 2)
    wait_until(lambda: len(cloud.streams(f"/aws/lambda/{name}")) == 1)
    assert cloud.metric_sum("AWS/Lambda", "Invocations", "FunctionName", name) == 2
    assert cloud.metric_sum("AWS/Lambda", "Errors", "FunctionName", name) == 1
