"""What holds data and outlives the stack: the buckets and the tables."""

from __future__ import annotations

import re
from collections.abc import Mapping

from headrace.config.model import Config, KeyType
from headrace.deploy import names, policy
from headrace.deploy.names import Json

EVENTS = ("s3:ObjectCreated:*", "s3:ObjectRestore:Completed")
"""What the source bucket announces: that there is content, and that archived content can be read again."""
_ATTRIBUTE_TYPES: dict[KeyType, str] = {"string": "S", "number": "N", "binary": "B"}


def tables(config: Config) -> Json:
    """The tables that the stack creates, by logical id; those that exist already are not part of it."""
    resources: Json = {}
    for entry, table in config.tables.items():
        if not table.existing:
            resources[_logical_id(entry, resources)] = _table(config, config.table_name(entry), table.key, table.ttl)
    return resources


def ledger(config: Config) -> Json:
    """The table that knows what was loaded: its keys and index are those of ``headrace.ledger.store``."""
    index = {
        "IndexName": "listing",
        "KeySchema": [{"AttributeName": "listing", "KeyType": "HASH"}, {"AttributeName": "listed_at", "KeyType": "RANGE"}],
        "Projection": {"ProjectionType": "ALL"},
    }
    table = _table(config, config.ledger_table, {"pk": "string", "sk": "string"}, "expires_at")
    table["Properties"]["AttributeDefinitions"] += [{"AttributeName": name, "AttributeType": "S"} for name in ("listing", "listed_at")]
    table["Properties"]["GlobalSecondaryIndexes"] = [index]
    return {"LedgerTable": table}


def buckets(config: Config) -> Json:
    """The source bucket, which announces its new objects, and the bucket for rejected records, each with its policy."""
    source, rejects = config.source.bucket, config.rejects_bucket
    announced = {"DependsOn": "QueuePolicy" if config.source.trigger == "sqs" else "InvokePermission"}
    return {
        "SourceBucket": _bucket(config, source, NotificationConfiguration=_notifications(config), LifecycleConfiguration={"Rules": [_abort_uploads()]})
        | announced,
        "SourceBucketPolicy": policy.bucket_policy("SourceBucket", source),
        "RejectsBucket": _bucket(config, rejects, LifecycleConfiguration={"Rules": [_abort_uploads(), _expire(config.rejects.retention_days)]}),
        "RejectsBucketPolicy": policy.bucket_policy("RejectsBucket", rejects),
    }


def _table(config: Config, name: str, key: Mapping[str, KeyType], ttl: str) -> Json:
    properties: Json = {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": attribute, "AttributeType": _ATTRIBUTE_TYPES[kind]} for attribute, kind in key.items()],
        "KeySchema": [{"AttributeName": attribute, "KeyType": role} for attribute, role in zip(key, ("HASH", "RANGE"), strict=False)],
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "SSESpecification": {"SSEEnabled": True},
        "DeletionProtectionEnabled": True,
        "Tags": _tags(config),
    }
    if ttl:
        properties["TimeToLiveSpecification"] = {"AttributeName": ttl, "Enabled": True}
    own_key = "Encrypted with the AWS managed key; a key of one's own is a choice of the account, with a policy of its own"
    return {"Type": "AWS::DynamoDB::Table", **policy.KEPT, "Metadata": policy.suppressed({"CKV_AWS_119": own_key}), "Properties": properties}


def _bucket(config: Config, name: str, **more: Json) -> Json:
    access_log = "Who reads and writes here is a matter of the account's CloudTrail; access logs would need a bucket of their own"
    return {
        "Type": "AWS::S3::Bucket",
        **policy.KEPT,
        "Metadata": policy.suppressed({"CKV_AWS_18": access_log}),
        "Properties": {
            "BucketName": name,
            "VersioningConfiguration": {"Status": "Enabled"},
            "BucketEncryption": {"ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]},
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
            "PublicAccessBlockConfiguration": {
                "BlockPublicAcls": True,
                "BlockPublicPolicy": True,
                "IgnorePublicAcls": True,
                "RestrictPublicBuckets": True,
            },
            **more,
            "Tags": _tags(config),
        },
    }


def _notifications(config: Config) -> Json:
    """An overwrite is an ``ObjectCreated`` like the first write: S3 has no event for a changed object. Filters of different events may overlap.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html (2026-11)
    """
    target: Json = {"Queue": {"Fn::GetAtt": ["Queue", "Arn"]}} if config.source.trigger == "sqs" else {"Function": {"Fn::GetAtt": ["Function", "Arn"]}}
    kind = "QueueConfigurations" if config.source.trigger == "sqs" else "LambdaConfigurations"
    return {kind: [{"Event": event} | target | _filter(prefix) for event in EVENTS for prefix in names.source_prefixes(config)]}


def _filter(prefix: str) -> Json:
    return {"Filter": {"S3Key": {"Rules": [{"Name": "prefix", "Value": prefix}]}}} if prefix else {}


def _abort_uploads() -> Json:
    return {"Id": "AbortUploads", "Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}


def _expire(days: int) -> Json:
    """Older versions exist only where a repeated attempt replaced a file of rejects; nobody needs them for long."""
    return {"Id": "Expire", "Status": "Enabled", "ExpirationInDays": days, "NoncurrentVersionExpiration": {"NoncurrentDays": 7}}


def _tags(config: Config) -> list[Json]:
    return [{"Key": names.OWNER_TAG, "Value": config.name}]


def _logical_id(entry: str, taken: Json) -> str:
    """``Table`` and the letters and digits of ``entry``, numbered where two entries would share it."""
    plain = "Table" + "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", entry))
    candidates = (plain if number == 1 else f"{plain}{number}" for number in range(1, len(taken) + 2))
    return next(candidate for candidate in candidates if candidate not in taken)
