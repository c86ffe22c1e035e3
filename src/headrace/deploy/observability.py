"""What the stack says about itself: the log, the alarms, the dashboard."""

from __future__ import annotations

import json
from collections.abc import Sequence

from headrace.config.model import Config
from headrace.deploy import names, policy
from headrace.deploy.names import Json

NAMESPACE = "headrace"
"""Namespace of the metrics that the function writes into its log (CloudWatch embedded metric format)."""

_FIVE_MINUTES = 300
_OPEN_S = 6 * 3600
_CHUNK_AGE_S = 6 * 3600
"""A chunk is made for a minute or two of writing; hours mean that something is in its way."""


def log_groups(config: Config) -> Json:
    """The functions' logs, there before the functions are."""
    functions = {"LogGroup": config.loader_function, "SweeperLogGroup": config.sweeper_function}
    return {logical_id: _log_group(config, function) for logical_id, function in functions.items()}


def _log_group(config: Config, function: str) -> Json:
    reasons = {
        "CKV_AWS_158": "Encrypted by CloudWatch Logs; it holds counts and names, never the content of a record",
        "CKV_AWS_338": "The retention is the config's log_retention_days; what was loaded is told by metrics and rejects, not by the log",
    }
    properties = {"LogGroupName": names.log_group(function), "RetentionInDays": config.function.log_retention_days}
    return {"Type": "AWS::Logs::LogGroup", **policy.GOES_WITH_STACK, "Metadata": policy.suppressed(reasons), "Properties": properties}


def alarms(config: Config) -> Json:
    """One alarm for each way in which a file may not arrive. Each says what it means and what to do next."""
    function, failed, log = config.loader_function, config.failed_queue, names.log_group(config.loader_function)
    by_function, own = {"FunctionName": function}, {"Stack": config.name}
    given_up = f"Files were not loaded: their events were given up and lie in the queue {failed}. "
    # SQS moves messages back only from the dead-letter queue of a queue (SQS API, StartMessageMoveTask, 2026-11).
    again = "move the messages back into work" if config.source.trigger == "sqs" else f"invoke {function} with the body of each message"
    found: Json = {
        "FailedEventsAlarm": _alarm(
            given_up + f"Next: find the cause in the log {log} (level ERROR), remove it, then {again}; they are kept 14 days.",
            ("AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": failed}, "Maximum"),
        ),
        "ErrorsAlarm": _alarm(
            f"The function ended without an answer: an exception, the timeout or too little memory. The event is repeated. Next: read the log {log}.",
            ("AWS/Lambda", "Errors", by_function, "Sum"),
        ),
        "ThrottlesAlarm": _alarm(
            "Lambda refused invocations for 15 minutes: files wait. Next: raise the account's concurrency or lower what other functions reserve.",
            ("AWS/Lambda", "Throttles", by_function, "Sum"),
            periods=3,
        ),
        "LoadsFailedAlarm": _alarm(
            f"Loading an object failed. What can pass is repeated. Next: read reason and hint in the log {log} (level ERROR).",
            (NAMESPACE, "LoadsFailed", own, "Sum"),
        ),
        "RecordsRejectedAlarm": _alarm(
            f"Records were refused and are kept in s3://{config.rejects_bucket} with line and reason. Next: read them, correct the file or the config.",
            (NAMESPACE, "RecordsRejected", own, "Sum"),
        ),
    }
    found |= _sweep_alarms(config)
    return found | (_queue_alarms(config) if config.source.trigger == "sqs" else _direct_alarms(config))


def _sweep_alarms(config: Config) -> Json:
    log = names.log_group(config.sweeper_function)
    failed = f"The sweeper failed: files of which no event told are not found. Next: read the log {log}; the next run goes on where this one stopped."
    waiting = (
        f"A file has not ended for more than {_OPEN_S // 3600} hours. Next: headrace status says which, and what stops it: a permission or a table that is "
        "missing (BLOCKED), a limit of the config (PAUSED), or a table that throttles."
    )
    return {
        "SweepErrorsAlarm": _alarm(failed, ("AWS/Lambda", "Errors", {"FunctionName": config.sweeper_function}, "Sum")),
        "OldestWaitingAlarm": _alarm(waiting, (NAMESPACE, "OldestWaitingSeconds", {"Stack": config.name}, "Maximum"), threshold=_OPEN_S),
    }


def _queue_alarms(config: Config) -> Json:
    # Twice the visibility timeout: one failed attempt, whose message then waits, is no reason to wake anybody.
    age_s = 12 * config.function.timeout_s
    log = names.log_group(config.loader_function)
    text = f"A file has waited for more than {age_s} seconds. Next: see whether the function fails ({log}) or is too slow for the inflow."
    metric = ("AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": config.events_queue}, "Maximum")
    return {"OldestEventAlarm": _alarm(text, metric, threshold=age_s), "OldestChunkAlarm": _oldest_chunk_alarm(config)}


def _oldest_chunk_alarm(config: Config) -> Json:
    text = (
        f"A chunk of a large object has been under way for more than {_CHUNK_AGE_S // 3600} hours. It comes again until it is done: it is slow, not lost. "
        f"Next: see in the log {names.log_group(config.loader_function)} what throttles, then raise the table's throughput or maximum_concurrency."
    )
    metric = ("AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": config.chunks_queue}, "Maximum")
    return _alarm(text, metric, threshold=_CHUNK_AGE_S)


def _direct_alarms(config: Config) -> Json:
    function = {"FunctionName": config.loader_function}
    late = "A file has waited for more than an hour to be loaded. Next: see whether the function fails or is throttled."
    lost = "Events that failed could not be kept either: those files are not loaded. Next: check the failed queue's policy, upload them again."
    return {
        "OldestEventAlarm": _alarm(late, ("AWS/Lambda", "AsyncEventAge", function, "Maximum"), threshold=3_600_000),
        "LostEventsAlarm": _alarm(lost, ("AWS/Lambda", "DestinationDeliveryFailures", function, "Sum")),
    }


def _alarm(description: str, metric: tuple[str, str, dict[str, str], str], *, threshold: int = 0, periods: int = 1) -> Json:
    namespace, name, dimensions, statistic = metric
    actions = {"Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]}
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmDescription": description,
            "Namespace": namespace,
            "MetricName": name,
            "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
            "Statistic": statistic,
            "Period": _FIVE_MINUTES,
            "EvaluationPeriods": periods,
            "Threshold": threshold,
            "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": "notBreaching",
            "AlarmActions": actions,
            "OKActions": actions,
        },
    }


def dashboard(config: Config) -> Json:
    function, failed = config.loader_function, config.failed_queue
    stack = ["Stack", config.name]
    records = [[NAMESPACE, name, *stack] for name in ("RecordsRead", "RecordsWritten", "RecordsRejected", "RecordsFiltered", "RecordsSuperseded")]
    routes = [[NAMESPACE, name, *stack, "Route", route.name] for name in ("RecordsWritten", "RecordsRejected") for route in config.routes]
    tables = sorted({config.table_name(entry) for entry in config.tables})
    throttles = [["AWS/DynamoDB", "WriteThrottleEvents", "TableName", table] for table in tables]
    consumed = [["AWS/DynamoDB", "ConsumedWriteCapacityUnits", "TableName", table] for table in tables]
    waiting = [["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", failed]]
    if config.source.trigger == "sqs":
        waiting[:0] = [["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue] for queue in names.queues(config).values()]
    widgets = [
        _graph("Records: read = written + rejected + filtered + superseded", records),
        _graph("Records by route", routes),
        _graph("Events and chunks waiting, and what was given up", waiting, stat="Maximum"),
        _graph("Loads that failed, invocations, errors, throttles", [[NAMESPACE, "LoadsFailed", *stack], *_invocations(function)]),
        _graph("Seconds per load", [[NAMESPACE, "LoadSeconds", *stack, {"stat": stat}] for stat in ("p50", "p99", "Maximum")]),
        _graph("Found by sweep, sent again", [[NAMESPACE, name, *stack] for name in ("ObjectsFoundBySweep", "ChunksRevived", "ObjectsFinished")]),
        _graph("Age of the oldest object that has not ended", [[NAMESPACE, "OldestWaitingSeconds", *stack]], stat="Maximum"),
        _graph("Bytes read", [[NAMESPACE, "BytesRead", *stack]]),
        _graph("Write units", [*consumed, [NAMESPACE, "WriteUnits", *stack]]),
        _graph("Throttled writes", throttles),
    ]
    placed = [widget | {"x": 12 * (at % 2), "y": 6 * (at // 2), "width": 12, "height": 6} for at, widget in enumerate(widgets)]
    body = json.dumps({"widgets": placed}, separators=(",", ":"))
    return {"Type": "AWS::CloudWatch::Dashboard", "Properties": {"DashboardName": config.name, "DashboardBody": {"Fn::Sub": body}}}


def _invocations(function: str) -> list[list[str]]:
    return [["AWS/Lambda", name, "FunctionName", function] for name in ("Invocations", "Errors", "Throttles")]


def _graph(title: str, metrics: Sequence[Sequence[object]], *, stat: str = "Sum") -> Json:
    properties = {"title": title, "view": "timeSeries", "region": "${AWS::Region}", "stat": stat, "period": _FIVE_MINUTES, "metrics": metrics}
    return {"type": "metric", "properties": properties}
