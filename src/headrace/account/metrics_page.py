"""The reference page of all metrics."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from headrace.account.report import METRICS, NAMESPACE, Metric
from headrace.account.sweep_report import SWEEP_METRICS, SweepMetric


def metrics_page() -> str:
    """The reference page docs/metrics.md."""
    tables = [[_PAGE_HEAD, *_table(METRICS)], [_SWEEPS, *_table(SWEEP_METRICS)]]
    return "\n".join([line for table in tables for line in [*table, ""]])


def _table(metrics: Iterable[Metric | SweepMetric]) -> list[str]:
    rows = [f"| `{metric.name}` | {metric.unit} | {metric.meaning} | {metric.action} |" for metric in metrics]
    return ["| metric | unit | meaning | what to do |", "|---|---|---|---|", *rows]


_PAGE_HEAD = f"""# Metrics
Generated from `headrace.account.report` and `headrace.account.sweep_report`; change it there.

Every load writes one line of JSON to the function's log. It holds all that is known about the load, and CloudWatch takes these
metrics out of it: namespace `{NAMESPACE}`, once with the dimension `Stack` and once with `Stack` and `Route`.
"""

_SWEEPS = """The sweeper writes one line for each run, once in 15 minutes, with the dimension `Stack`.
"""


if __name__ == "__main__":
    Path("docs/metrics.md").write_text(metrics_page(), encoding="utf-8")
