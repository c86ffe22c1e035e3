"""The CloudFormation template of one config."""

from __future__ import annotations

import json

import yaml

import headrace
from headrace.config.model import Config
from headrace.deploy import names, observability, policy, storage, sweep
from headrace.deploy.names import Json

RECEIVES_MAX = 1000  # the most: a long object comes again for each part of its time, and what makes no progress is given up by the ledger
FAILED_RETENTION_S = 14 * 24 * 3600


def template(config: Config) -> Json:
    """The whole stack as CloudFormation, made from ``config`` alone: the same config gives the same template.

    Its parameters are ``CodeBucket`` and ``CodeKey`` (where the function's zip lies; the key ends in ``<sha256>.zip``) and
    ``AlarmTopicArn`` (optional SNS topic). It needs CAPABILITY_IAM and a stack named ``config.name``.
    """
    resources: Json = {
        **storage.tables(config),
        **storage.ledger(config),
        "FailedQueue": _failed_queue(config),
        "FailedQueuePolicy": policy.failed_queue_policy(),
        **observability.log_groups(config),
        "FunctionRole": policy.function_role(config),
        "Function": _function(config),
        **(_queue_trigger(config) if config.source.trigger == "sqs" else _direct_trigger(config)),
        **sweep.sweeper(config),
        **storage.buckets(config),
        **observability.alarms(config),
        "Dashboard": observability.dashboard(config),
    }
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"headrace {config.name}: loads the files of s3://{config.source.bucket} into DynamoDB",
        "Metadata": {"headrace": {"version": headrace.__version__, "stack": config.name}},
        "Parameters": {
            "CodeBucket": {"Type": "String", "Description": "Bucket with the function's zip"},
            "CodeKey": {"Type": "String", "Description": "Key of the function's zip, ending in its SHA-256"},
            "AlarmTopicArn": {"Type": "String", "Default": "", "Description": "SNS topic that the alarms notify; empty for none"},
        },
        "Conditions": {"HasAlarmTopic": {"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmTopicArn"}, ""]}]}},
        "Resources": resources,
        "Outputs": _outputs(config),
    }


def as_json(document: Json) -> str:
    """The template as text for people and for version control."""
    return json.dumps(document, indent=2) + "\n"


def as_yaml(document: Json) -> str:
    """The template as YAML for people, in the order it was built, without the aliases that CloudFormation does not read."""
    text: str = yaml.safe_dump(json.loads(json.dumps(document)), sort_keys=False, width=160)  # read again, no two places share an object
    return text


def visibility_timeout_s(config: Config) -> int:
    """Seconds that a message stays with one attempt: AWS wants six times the function's timeout plus the batching window, which is 0 here.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html (2026-11)
    """
    return 6 * config.function.timeout_s


def _function(config: Config) -> Json:
    properties: Json = {
        "FunctionName": config.loader_function,
        "Description": f"Loads the files of s3://{config.source.bucket} into DynamoDB",
        "Runtime": names.RUNTIME,
        "Architectures": [config.function.architecture],
        "Handler": names.HANDLER,
        "Code": {"S3Bucket": {"Ref": "CodeBucket"}, "S3Key": {"Ref": "CodeKey"}},
        "Role": {"Fn::GetAtt": ["FunctionRole", "Arn"]},
        "MemorySize": config.function.memory_mb,
        "Timeout": config.function.timeout_s,
        "LoggingConfig": {"LogGroup": {"Ref": "LogGroup"}, "LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"},
    }
    if config.source.trigger == "direct":
        # Nothing but reserved concurrency bounds asynchronous invocations. With a queue, its MaximumConcurrency does, and nothing is
        # reserved: a new account may own 10 concurrent executions in all and can then reserve none.
        properties["ReservedConcurrentExecutions"] = config.function.maximum_concurrency
    return {"Type": "AWS::Lambda::Function", "Metadata": _function_suppressions(config), "Properties": properties}


def _function_suppressions(config: Config) -> Json:
    by_queue = config.source.trigger == "sqs"
    reasons = {
        "CKV_AWS_117": "Needs no private network: it talks to S3, SQS and DynamoDB alone, and a VPC would add endpoints to pay for",
        "CKV_AWS_116": "Failed events reach FailedQueue, " + ("by the queue's redrive policy" if by_queue else "by the on-failure destination"),
    }
    if by_queue:
        reasons["CKV_AWS_115"] = "The event source mapping bounds concurrency; a reservation would fail in new accounts"
    return policy.suppressed(reasons)


def _failed_queue(config: Config) -> Json:
    by_queue = {"redrivePermission": "byQueue", "sourceQueueArns": [policy.queue_arn(queue) for queue in names.queues(config).values()]}
    return {
        "Type": "AWS::SQS::Queue",
        **policy.GOES_WITH_STACK,
        "Metadata": policy.suppressed(policy.MANAGED_KEY),
        "Properties": {
            "QueueName": config.failed_queue,
            # 14 days is the most, and must exceed the source queue's retention: a moved message keeps its first enqueue time.
            "MessageRetentionPeriod": FAILED_RETENTION_S,
            "SqsManagedSseEnabled": True,
            "RedriveAllowPolicy": by_queue if config.source.trigger == "sqs" else {"redrivePermission": "denyAll"},
        },
    }


def _queue_trigger(config: Config) -> Json:
    """S3 to queue to function, and chunks of large objects through a queue of their own, so that small objects do not wait behind them."""
    resources: Json = {"QueuePolicy": policy.queue_policy(config), "ChunksQueuePolicy": policy.chunks_queue_policy()}
    for logical_id, name in names.queues(config).items():
        resources[logical_id] = _queue(config, name)
        resources[logical_id.replace("Queue", "") + "Trigger"] = _trigger(config, logical_id)
    return resources


def _queue(config: Config, name: str) -> Json:
    """Retried by visibility timeout, given up to the failed queue after RECEIVES_MAX receives."""
    return {
        "Type": "AWS::SQS::Queue",
        **policy.GOES_WITH_STACK,
        "Metadata": policy.suppressed(policy.MANAGED_KEY),
        "Properties": {
            "QueueName": name,
            "VisibilityTimeout": visibility_timeout_s(config),
            "MessageRetentionPeriod": 7 * 24 * 3600,
            "SqsManagedSseEnabled": True,
            "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["FailedQueue", "Arn"]}, "maxReceiveCount": RECEIVES_MAX},
        },
    }


def _trigger(config: Config, queue: str) -> Json:
    return {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {
            "EventSourceArn": {"Fn::GetAtt": [queue, "Arn"]},
            "FunctionName": {"Ref": "Function"},
            # One object per invocation: the whole timeout belongs to it, and a slow neighbour cannot use up its receives.
            "BatchSize": 1,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "ScalingConfig": {"MaximumConcurrency": config.function.maximum_concurrency},
        },
    }


def _direct_trigger(config: Config) -> Json:
    """S3 invokes the function; after two retries, or six hours of throttling, the event goes to the failed queue."""
    return {
        "InvokePermission": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "FunctionName": {"Ref": "Function"},
                "Action": "lambda:InvokeFunction",
                "Principal": "s3.amazonaws.com",
                "SourceArn": policy.bucket_arn(config.source.bucket),
                # A bucket's ARN names no account: without this, whoever takes a deleted bucket's name could invoke the function.
                "SourceAccount": {"Ref": "AWS::AccountId"},
            },
        },
        "InvokeConfig": {
            "Type": "AWS::Lambda::EventInvokeConfig",
            "Properties": {
                "FunctionName": {"Ref": "Function"},
                "Qualifier": "$LATEST",
                "MaximumRetryAttempts": 2,
                "MaximumEventAgeInSeconds": 21600,
                "DestinationConfig": {"OnFailure": {"Destination": {"Fn::GetAtt": ["FailedQueue", "Arn"]}}},
            },
        },
    }


def _outputs(config: Config) -> Json:
    values: Json = {
        "SourceBucket": ("Upload files here", {"Ref": "SourceBucket"}),
        "RejectsBucket": ("Rejected records are kept here", {"Ref": "RejectsBucket"}),
        "FailedQueueUrl": ("Events that were given up", {"Ref": "FailedQueue"}),
        "FunctionName": ("The loader", {"Ref": "Function"}),
        "LogGroupName": ("The loader's log", {"Ref": "LogGroup"}),
        "SweeperName": ("The sweeper, run every 15 minutes", {"Ref": "Sweeper"}),
        "DashboardName": ("The dashboard in CloudWatch", {"Ref": "Dashboard"}),
        "TableNames": ("Tables that are loaded", ",".join(sorted(config.table_name(entry) for entry in config.tables))),
    }
    if config.source.trigger == "sqs":
        values["QueueUrl"] = ("Events waiting to be loaded", {"Ref": "Queue"})
    return {name: {"Description": description, "Value": value} for name, (description, value) in values.items()}
