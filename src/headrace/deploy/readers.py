"""What the services say about each resource: the values of the template's properties, by name, in the shape of the services' API."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from headrace.deploy import services
from headrace.deploy.names import Clients, Json
from headrace.deploy.resolve import Deployed

Reader = Callable[[Deployed, Clients], Json | None]
"""Reads one resource; None if it does not exist. A property that the service does not know is missing from the answer."""


def statements(document: Json) -> Json:
    """A policy's statements by Sid, with single values as lists, so that two ways to write the same policy are equal."""
    return {one.get("Sid", str(at)): _statement(one) for at, one in enumerate(document.get("Statement", []))}


def _statement(statement: Json) -> Json:
    plain = {key: sorted(_listed(value)) if key in {"Action", "Resource"} else value for key, value in statement.items()}
    conditions = statement.get("Condition", {}).items()
    return plain | {"Condition": {operator: {key: sorted(_listed(value)) for key, value in tests.items()} for operator, tests in conditions}}


def _listed(value: Any) -> list[str]:
    return [str(one) for one in (value if isinstance(value, list) else [value])]


def _bucket(resource: Deployed, clients: Clients) -> Json | None:
    s3, name = clients("s3"), resource.id
    if services.find(s3, "head_bucket", Bucket=name) is None:
        return None
    notifications = services.call(s3, "get_bucket_notification_configuration", Bucket=name)
    for rule in _filter_rules(notifications):
        rule["Name"] = rule["Name"].lower()  # S3 answers "Prefix" where it was given "prefix"
    return {
        "BucketName": name,
        "VersioningConfiguration": services.call(s3, "get_bucket_versioning", Bucket=name),
        "BucketEncryption": _member(services.find(s3, "get_bucket_encryption", Bucket=name), "ServerSideEncryptionConfiguration"),
        "OwnershipControls": _member(services.find(s3, "get_bucket_ownership_controls", Bucket=name), "OwnershipControls"),
        "PublicAccessBlockConfiguration": _member(services.find(s3, "get_public_access_block", Bucket=name), "PublicAccessBlockConfiguration"),
        "LifecycleConfiguration": services.find(s3, "get_bucket_lifecycle_configuration", Bucket=name),
        "NotificationConfiguration": notifications,
        "Tags": _member(services.find(s3, "get_bucket_tagging", Bucket=name), "TagSet"),
    }


def _filter_rules(notifications: Json) -> list[Json]:
    targets = [target for kind in ("QueueConfigurations", "LambdaFunctionConfigurations") for target in notifications.get(kind, [])]
    return [rule for target in targets for rule in target.get("Filter", {}).get("Key", {}).get("FilterRules", [])]


def _bucket_policy(resource: Deployed, clients: Clients) -> Json | None:
    name = resource.properties["Bucket"]
    answer = services.find(clients("s3"), "get_bucket_policy", Bucket=name)
    return {"Bucket": name, "PolicyDocument": statements(json.loads(answer["Policy"])) if answer else {}}


def _table(resource: Deployed, clients: Clients) -> Json | None:
    dynamodb, name = clients("dynamodb"), resource.id
    described = services.find(dynamodb, "describe_table", TableName=name)
    if described is None:
        return None
    table: Json = described["Table"]
    backups = services.call(dynamodb, "describe_continuous_backups", TableName=name)["ContinuousBackupsDescription"]
    ttl = services.call(dynamodb, "describe_time_to_live", TableName=name)["TimeToLiveDescription"]
    return {
        **table,
        "BillingMode": table.get("BillingModeSummary", {}).get("BillingMode"),
        "PointInTimeRecoverySpecification": backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus"),
        "SSESpecification": table.get("SSEDescription", {}).get("Status"),
        "TimeToLiveSpecification": {**ttl, "TimeToLiveStatus": str(ttl.get("TimeToLiveStatus")).replace("ENABLING", "ENABLED")},
        "Tags": services.call(dynamodb, "list_tags_of_resource", ResourceArn=table["TableArn"])["Tags"],
    }


def _queue(resource: Deployed, clients: Clients) -> Json | None:
    answer = services.find(clients("sqs"), "get_queue_attributes", QueueUrl=resource.id, AttributeNames=["All"])
    if answer is None:
        return None
    encoded = ("VisibilityTimeout", "MessageRetentionPeriod", "SqsManagedSseEnabled", "RedrivePolicy", "RedriveAllowPolicy")
    values = {name: json.loads(answer["Attributes"][name]) for name in encoded if name in answer["Attributes"]}
    return {"QueueName": answer["Attributes"]["QueueArn"].rpartition(":")[2], **values}


def _queue_policy(resource: Deployed, clients: Clients) -> Json | None:
    url = resource.properties["Queues"][0]
    answer = services.find(clients("sqs"), "get_queue_attributes", QueueUrl=url, AttributeNames=["Policy"])
    if answer is None:
        return None
    policy = answer.get("Attributes", {}).get("Policy")
    return {"Queues": [url], "PolicyDocument": statements(json.loads(policy)) if policy else {}}


def _function(resource: Deployed, clients: Clients) -> Json | None:
    function = services.find(clients("lambda"), "get_function", FunctionName=resource.id)
    if function is None:
        return None
    reserved = services.call(clients("lambda"), "get_function_concurrency", FunctionName=resource.id)
    return {**function["Configuration"], "Code": function["Configuration"].get("CodeSha256"), **reserved}


def _mapping(resource: Deployed, clients: Clients) -> Json | None:
    found = services.find(clients("lambda"), "get_event_source_mapping", UUID=resource.id)
    return {**found, "FunctionName": found["FunctionArn"].split(":")[6]} if found else None


def _permission(resource: Deployed, clients: Clients) -> Json | None:
    answer = services.find(clients("lambda"), "get_policy", FunctionName=resource.properties["FunctionName"])
    for statement in json.loads(answer["Policy"])["Statement"] if answer else []:
        conditions = {key.lower(): value for tests in statement.get("Condition", {}).values() for key, value in tests.items()}
        if statement["Principal"] == {"Service": resource.properties["Principal"]}:
            return {
                "FunctionName": statement["Resource"].split(":")[6],
                "Action": statement["Action"],
                "Principal": statement["Principal"]["Service"],
                "SourceArn": conditions.get("aws:sourcearn"),
                "SourceAccount": conditions.get("aws:sourceaccount"),
            }
    return None


def _invoke_config(resource: Deployed, clients: Clients) -> Json | None:
    name, qualifier = resource.properties["FunctionName"], resource.properties["Qualifier"]
    found = services.find(clients("lambda"), "get_function_event_invoke_config", FunctionName=name, Qualifier=qualifier)
    return {**found, "FunctionName": name, "Qualifier": qualifier} if found else None


def _role(resource: Deployed, clients: Clients) -> Json | None:
    iam = clients("iam")
    answer = services.find(iam, "get_role", RoleName=resource.id)
    if answer is None:
        return None
    inline = services.call(iam, "list_role_policies", RoleName=resource.id)["PolicyNames"]
    documents = {name: services.call(iam, "get_role_policy", RoleName=resource.id, PolicyName=name)["PolicyDocument"] for name in inline}
    return {
        "Description": answer["Role"].get("Description"),
        "AssumeRolePolicyDocument": statements(answer["Role"]["AssumeRolePolicyDocument"]),
        "Policies": {f"{name}.{sid}": one for name, document in documents.items() for sid, one in statements(document).items()},
    }


def _rule(resource: Deployed, clients: Clients) -> Json | None:
    events = clients("events")
    found = services.find(events, "describe_rule", Name=resource.id)
    return {**found, "Targets": services.call(events, "list_targets_by_rule", Rule=resource.id)["Targets"]} if found else None


def _log_group(resource: Deployed, clients: Clients) -> Json | None:
    found = services.call(clients("logs"), "describe_log_groups", logGroupNamePrefix=resource.id)["logGroups"]
    groups = ({"LogGroupName": one["logGroupName"], "RetentionInDays": one.get("retentionInDays")} for one in found)
    return next((group for group in groups if group["LogGroupName"] == resource.id), None)


def _alarm(resource: Deployed, clients: Clients) -> Json | None:
    found = services.call(clients("cloudwatch"), "describe_alarms", AlarmNames=[resource.id])["MetricAlarms"]
    return dict(found[0]) if found else None


def _dashboard(resource: Deployed, clients: Clients) -> Json | None:
    found = services.find(clients("cloudwatch"), "get_dashboard", DashboardName=resource.id)
    return {"DashboardName": found["DashboardName"], "DashboardBody": json.loads(found["DashboardBody"])} if found else None


def _member(answer: Json | None, name: str) -> object:
    return answer.get(name) if answer else None


READERS: dict[str, Reader] = {
    "AWS::S3::Bucket": _bucket,
    "AWS::S3::BucketPolicy": _bucket_policy,
    "AWS::DynamoDB::Table": _table,
    "AWS::SQS::Queue": _queue,
    "AWS::SQS::QueuePolicy": _queue_policy,
    "AWS::Lambda::Function": _function,
    "AWS::Lambda::EventSourceMapping": _mapping,
    "AWS::Lambda::Permission": _permission,
    "AWS::Lambda::EventInvokeConfig": _invoke_config,
    "AWS::IAM::Role": _role,
    "AWS::Events::Rule": _rule,
    "AWS::Logs::LogGroup": _log_group,
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::CloudWatch::Dashboard": _dashboard,
}
