"""CloudWatch metrics that AWS makes out of a function: from its log lines in Embedded Metric Format, and about its invocations."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from headrace.local.report import Report

DATA_PER_CALL_MAX = 1000  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html, 2026-11-22


class Metrics:
    """Collects metric data and sends them with ``client`` (CloudWatch, as root: AWS asks for no permission here). Used by several threads.

    ``tell`` gets a sentence when a line or a call fails.
    """

    def __init__(self, client: Any, tell: Callable[[str], None]) -> None:
        self._client = client
        self._tell = tell
        self._lock = threading.Lock()
        self._data: dict[str, list[dict[str, object]]] = {}

    def read_line(self, function_name: str, line: str) -> None:
        """Collect the metrics in a log line, if it is in Embedded Metric Format."""
        if '"_aws"' not in line or '"CloudWatchMetrics"' not in line:
            return
        try:
            found = list(embedded_metrics(line))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self._tell(f"{function_name} logged a line that looks like Embedded Metric Format and is not: {error!r}")
            return
        self._add(found)

    def count(self, report: Report) -> None:
        """Collect AWS/Lambda's Invocations, Errors and Duration of one invocation."""
        common = {"Dimensions": [{"Name": "FunctionName", "Value": report.function_name}], "Timestamp": report.started_at}
        values = (("Invocations", 1, "Count"), ("Errors", int(report.error is not None), "Count"), ("Duration", report.duration_ms, "Milliseconds"))
        self._add([("AWS/Lambda", common | {"MetricName": name, "Values": [float(value)], "Unit": unit}) for name, value, unit in values])

    def flush(self) -> None:
        """Send what was collected."""
        with self._lock:
            data, self._data = self._data, {}
        for namespace, metrics in data.items():
            for start in range(0, len(metrics), DATA_PER_CALL_MAX):
                try:
                    self._client.put_metric_data(Namespace=namespace, MetricData=metrics[start : start + DATA_PER_CALL_MAX])
                except Exception as error:  # whatever the client raises: the function has done its work
                    self._tell(f"metrics of namespace {namespace} were not stored: {error}")

    def _add(self, found: list[tuple[str, dict[str, object]]]) -> None:
        with self._lock:
            for namespace, datum in found:
                self._data.setdefault(namespace, []).append(datum)


def embedded_metrics(line: str) -> Iterator[tuple[str, dict[str, object]]]:
    """Namespace and PutMetricData entry of each metric, once per set of dimensions.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html (2026-11-22).
    Raises ValueError, KeyError, TypeError or AttributeError for a line that does not follow it.
    """
    members: Mapping[str, Any] = json.loads(line)
    timestamp = members["_aws"]["Timestamp"] / 1000
    for directive in members["_aws"]["CloudWatchMetrics"]:
        for dimensions in directive.get("Dimensions") or [[]]:
            named = [{"Name": name, "Value": str(members[name])} for name in dimensions]
            for metric in directive["Metrics"]:
                found = members[metric["Name"]]
                values = [float(value) for value in (found if isinstance(found, list) else [found])]
                unit = metric.get("Unit", "None")
                yield (directive["Namespace"], {"MetricName": metric["Name"], "Dimensions": named, "Timestamp": timestamp, "Values": values, "Unit": unit})
