"""What is told about each invocation: a report, and the lines that Lambda itself writes into the log."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal


@dataclass(frozen=True)
class Report:
    """One finished invocation. Times in milliseconds, ``started_at`` in seconds since the epoch, memory in MiB.

    ``init_ms`` is None where the process was warm, ``peak_mb`` None where this system does not tell. ``error`` is the whole error
    answer (errorType, errorMessage, stackTrace) and None after a success.
    """

    function_name: str
    request_id: str
    started_at: float
    duration_ms: float
    memory_mb: int
    peak_mb: int | None
    init_ms: float | None
    log_stream: str
    error: Mapping[str, object] | None

    @property
    def billed_ms(self) -> int:
        """Initialisation is billed too (https://aws.amazon.com/blogs/compute/aws-lambda-standardizes-billing-for-init-phase/, since 2025-08-01)."""
        return math.ceil(self.duration_ms + (self.init_ms or 0.0))

    @property
    def status(self) -> Literal["success", "timeout", "error"]:
        if self.error is None:
            return "success"
        return "timeout" if self.error.get("errorType") == "Sandbox.Timedout" else "error"


def start_lines(log_format: str, request_id: str, version: str) -> list[str]:
    """What Lambda writes before the handler runs."""
    if log_format == "JSON":
        return [_platform_event("platform.start", {"requestId": request_id, "version": version})]
    return [f"START RequestId: {request_id} Version: {version}"]


def end_lines(log_format: str, report: Report) -> list[str]:
    """What Lambda writes after the handler ran."""
    error_type = str(report.error.get("errorType", "")) if report.error else ""
    if log_format == "JSON":
        metrics = {
            "durationMs": round(report.duration_ms, 3),
            "billedDurationMs": report.billed_ms,
            "memorySizeMB": report.memory_mb,
            **({"maxMemoryUsedMB": report.peak_mb} if report.peak_mb is not None else {}),
            **({"initDurationMs": round(report.init_ms, 3)} if report.init_ms is not None else {}),
        }
        record = {"requestId": report.request_id, "metrics": metrics, "status": report.status} | ({"errorType": error_type} if error_type else {})
        return [_platform_event("platform.report", record)]
    fields = [
        f"REPORT RequestId: {report.request_id}",
        f"Duration: {report.duration_ms:.2f} ms",
        f"Billed Duration: {report.billed_ms} ms",
        f"Memory Size: {report.memory_mb} MB",
        *([f"Max Memory Used: {report.peak_mb} MB"] if report.peak_mb is not None else []),
        *([f"Init Duration: {report.init_ms:.2f} ms"] if report.init_ms is not None else []),
        *([f"Status: {report.status}"] if error_type.startswith(("Runtime.", "Sandbox.")) else []),
    ]
    return [f"END RequestId: {report.request_id}", "\t".join(fields)]


def timestamp() -> str:
    """Now, in UTC and to the millisecond, as Lambda writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _platform_event(kind: str, record: Mapping[str, object]) -> str:
    return json.dumps({"time": timestamp(), "type": kind, "record": record})
