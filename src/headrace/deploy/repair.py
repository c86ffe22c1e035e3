"""Setting a property through its service's own API, where an emulator's CloudFormation did not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from headrace.deploy import services
from headrace.deploy.names import Clients
from headrace.deploy.resolve import Deployed

Mend = Callable[[Deployed, Clients, Any], None]
"""Sets one property of one resource to a value in the shape of the service's API."""


def _bucket_call(operation: str, argument: str) -> Mend:
    def mend(resource: Deployed, clients: Clients, value: Any) -> None:
        services.call(clients("s3"), operation, Bucket=resource.id, **{argument: value})

    return mend


def _bucket_lifecycle(resource: Deployed, clients: Clients, value: Any) -> None:
    rules = [{"Filter": {"Prefix": ""}, **rule} for rule in value["Rules"]]
    services.call(clients("s3"), "put_bucket_lifecycle_configuration", Bucket=resource.id, LifecycleConfiguration={"Rules": rules})


def _bucket_tags(resource: Deployed, clients: Clients, value: Any) -> None:
    """S3 replaces all tags at once, so those that are there are given again."""
    own = {tag["Key"] for tag in value}
    there = (services.find(clients("s3"), "get_bucket_tagging", Bucket=resource.id) or {"TagSet": []})["TagSet"]
    tags = [*(tag for tag in there if tag["Key"] not in own), *value]
    services.call(clients("s3"), "put_bucket_tagging", Bucket=resource.id, Tagging={"TagSet": tags})


def _table_backups(resource: Deployed, clients: Clients, value: Any) -> None:
    enabled = {"PointInTimeRecoveryEnabled": value == "ENABLED"}
    services.call(clients("dynamodb"), "update_continuous_backups", TableName=resource.id, PointInTimeRecoverySpecification=enabled)


def _table_encryption(resource: Deployed, clients: Clients, value: Any) -> None:
    services.call(clients("dynamodb"), "update_table", TableName=resource.id, SSESpecification={"Enabled": value == "ENABLED"})


def _table_ttl(resource: Deployed, clients: Clients, value: Any) -> None:
    specification = {"AttributeName": value["AttributeName"], "Enabled": True}
    services.call(clients("dynamodb"), "update_time_to_live", TableName=resource.id, TimeToLiveSpecification=specification)


def _table_protection(resource: Deployed, clients: Clients, value: Any) -> None:
    services.call(clients("dynamodb"), "update_table", TableName=resource.id, DeletionProtectionEnabled=value)


def _table_tags(resource: Deployed, clients: Clients, value: Any) -> None:
    table = services.call(clients("dynamodb"), "describe_table", TableName=resource.id)["Table"]
    services.call(clients("dynamodb"), "tag_resource", ResourceArn=table["TableArn"], Tags=value)


def _function_concurrency(resource: Deployed, clients: Clients, value: Any) -> None:
    services.call(clients("lambda"), "put_function_concurrency", FunctionName=resource.id, ReservedConcurrentExecutions=value)


def _function_setting(name: str) -> Mend:
    def mend(resource: Deployed, clients: Clients, value: Any) -> None:
        services.call(clients("lambda"), "update_function_configuration", FunctionName=resource.id, **{name: value})

    return mend


def _mapping_setting(name: str) -> Mend:
    def mend(resource: Deployed, clients: Clients, value: Any) -> None:
        services.call(clients("lambda"), "update_event_source_mapping", UUID=resource.id, **{name: value})

    return mend


def _invoke_config(resource: Deployed, clients: Clients, value: Any) -> None:
    services.call(clients("lambda"), "put_function_event_invoke_config", **resource.properties)


def _queue_attribute(name: str) -> Mend:
    def mend(resource: Deployed, clients: Clients, value: Any) -> None:
        text = json.dumps(value) if isinstance(value, dict | bool) else str(value)
        services.call(clients("sqs"), "set_queue_attributes", QueueUrl=resource.id, Attributes={name: text})

    return mend


def _log_retention(resource: Deployed, clients: Clients, value: Any) -> None:
    services.call(clients("logs"), "put_retention_policy", logGroupName=resource.id, retentionInDays=value)


MENDERS: dict[tuple[str, str], Mend] = {
    ("AWS::S3::Bucket", "VersioningConfiguration"): _bucket_call("put_bucket_versioning", "VersioningConfiguration"),
    ("AWS::S3::Bucket", "BucketEncryption"): _bucket_call("put_bucket_encryption", "ServerSideEncryptionConfiguration"),
    ("AWS::S3::Bucket", "OwnershipControls"): _bucket_call("put_bucket_ownership_controls", "OwnershipControls"),
    ("AWS::S3::Bucket", "PublicAccessBlockConfiguration"): _bucket_call("put_public_access_block", "PublicAccessBlockConfiguration"),
    ("AWS::S3::Bucket", "NotificationConfiguration"): _bucket_call("put_bucket_notification_configuration", "NotificationConfiguration"),
    ("AWS::S3::Bucket", "LifecycleConfiguration"): _bucket_lifecycle,
    ("AWS::S3::Bucket", "Tags"): _bucket_tags,
    ("AWS::DynamoDB::Table", "PointInTimeRecoverySpecification"): _table_backups,
    ("AWS::DynamoDB::Table", "SSESpecification"): _table_encryption,
    ("AWS::DynamoDB::Table", "TimeToLiveSpecification"): _table_ttl,
    ("AWS::DynamoDB::Table", "DeletionProtectionEnabled"): _table_protection,
    ("AWS::DynamoDB::Table", "Tags"): _table_tags,
    ("AWS::SQS::Queue", "VisibilityTimeout"): _queue_attribute("VisibilityTimeout"),
    ("AWS::SQS::Queue", "MessageRetentionPeriod"): _queue_attribute("MessageRetentionPeriod"),
    ("AWS::SQS::Queue", "SqsManagedSseEnabled"): _queue_attribute("SqsManagedSseEnabled"),
    ("AWS::SQS::Queue", "RedrivePolicy"): _queue_attribute("RedrivePolicy"),
    ("AWS::SQS::Queue", "RedriveAllowPolicy"): _queue_attribute("RedriveAllowPolicy"),
    ("AWS::Lambda::Function", "ReservedConcurrentExecutions"): _function_concurrency,
    ("AWS::Lambda::Function", "LoggingConfig"): _function_setting("LoggingConfig"),
    ("AWS::Lambda::Function", "Description"): _function_setting("Description"),
    ("AWS::Lambda::EventSourceMapping", "ScalingConfig"): _mapping_setting("ScalingConfig"),
    ("AWS::Lambda::EventSourceMapping", "FunctionResponseTypes"): _mapping_setting("FunctionResponseTypes"),
    ("AWS::Lambda::EventSourceMapping", "BatchSize"): _mapping_setting("BatchSize"),
    ("AWS::Lambda::EventInvokeConfig", "DestinationConfig"): _invoke_config,
    ("AWS::Lambda::EventInvokeConfig", "MaximumRetryAttempts"): _invoke_config,
    ("AWS::Lambda::EventInvokeConfig", "MaximumEventAgeInSeconds"): _invoke_config,
    ("AWS::Logs::LogGroup", "RetentionInDays"): _log_retention,
}
