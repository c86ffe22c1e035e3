"""Who may do what: the function's role, the queues' and buckets' policies. No statement allows anything on ``*``."""

from __future__ import annotations

from headrace.config.model import Config
from headrace.deploy import names
from headrace.deploy.names import Json

TLS_ONLY = "TlsOnly"
"""Sid of the statement that refuses plain HTTP, in every queue and bucket policy."""

MANAGED_KEY = {"CKV_AWS_27": "Encrypted with SQS's own key (SqsManagedSseEnabled); with a KMS key S3 would need a grant, and lose events without it"}
"""Why the queues name no KMS key."""

KEPT: Json = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
"""For what holds data: it outlives the stack."""
GOES_WITH_STACK: Json = {"DeletionPolicy": "Delete", "UpdateReplacePolicy": "Delete"}
"""For what holds only work in progress, said out loud for the reviewer."""


def bucket_arn(bucket: str) -> Json:
    return {"Fn::Sub": f"arn:${{AWS::Partition}}:s3:::{bucket}"}


def objects_arn(bucket: str, prefix: str) -> Json:
    return {"Fn::Sub": f"arn:${{AWS::Partition}}:s3:::{bucket}/{prefix}*"}


def queue_arn(queue: str) -> Json:
    """By name, for the one place where ``Fn::GetAtt`` would close a circle: two queues that name each other."""
    return {"Fn::Sub": f"arn:${{AWS::Partition}}:sqs:${{AWS::Region}}:${{AWS::AccountId}}:{queue}"}


def suppressed(reasons: dict[str, str]) -> Json:
    """Metadata that tells checkov which findings are choices, and a reviewer why."""
    return {"checkov": {"skip": [{"id": rule, "comment": reason} for rule, reason in reasons.items()]}}


def function_role(config: Config) -> Json:
    """The loader's role, with one inline policy of exact resources."""
    statements = [*_read_objects(config), _write_items(config), _keep_rejects(config), _write_log(config)]
    if config.source.trigger == "sqs":
        actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"]
        statements.append(_allow("TakeEvents", actions, {"Fn::GetAtt": ["Queue", "Arn"]}))
    statements.append(_allow("GiveUpEvents", ["sqs:SendMessage"], {"Fn::GetAtt": ["FailedQueue", "Arn"]}))
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "Description": f"What the loader of the stack {config.name} may do",
            "AssumeRolePolicyDocument": document([_service("Assume", "lambda.amazonaws.com", "sts:AssumeRole")]),
            "Policies": [{"PolicyName": "load", "PolicyDocument": document(statements)}],
        },
    }


def queue_policy(config: Config) -> Json:
    """S3 may send what happens in the source bucket of this account; nobody may come without TLS."""
    queue = {"Fn::GetAtt": ["Queue", "Arn"]}
    send = _service("SourceBucketSends", "s3.amazonaws.com", "sqs:SendMessage") | {
        "Resource": queue,
        # Bucket ARNs carry no account, so the account is asked for as well.
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html (2026-11)
        "Condition": {
            "ArnLike": {"aws:SourceArn": bucket_arn(config.source.bucket)},
            "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
        },
    }
    return _queue_policy("Queue", [send, tls_only("sqs:*", queue)])


def failed_queue_policy() -> Json:
    return _queue_policy("FailedQueue", [tls_only("sqs:*", {"Fn::GetAtt": ["FailedQueue", "Arn"]})])


def bucket_policy(logical_id: str, bucket: str) -> Json:
    return {
        "Type": "AWS::S3::BucketPolicy",
        "Properties": {
            "Bucket": {"Ref": logical_id},
            "PolicyDocument": document([tls_only("s3:*", [bucket_arn(bucket), objects_arn(bucket, "")])]),
        },
    }


def _read_objects(config: Config) -> list[Json]:
    bucket = config.source.bucket
    prefixes = names.source_prefixes(config)
    # Without ListBucket a missing object is answered 403, like a forbidden one, and could not be told from it.
    # https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html (2026-11)
    list_bucket = _allow("TellMissingFromForbidden", ["s3:ListBucket"], bucket_arn(bucket))
    if prefixes != [""]:
        list_bucket["Condition"] = {"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}}
    objects = [objects_arn(bucket, prefix) for prefix in prefixes]
    return [_allow("ReadObjects", ["s3:GetObject", "s3:GetObjectVersion"], objects), list_bucket]


def _write_items(config: Config) -> Json:
    tables = sorted({config.table_name(entry) for entry in config.tables})
    arns = [{"Fn::Sub": f"arn:${{AWS::Partition}}:dynamodb:${{AWS::Region}}:${{AWS::AccountId}}:table/{table}"} for table in tables]
    return _allow("WriteItems", ["dynamodb:BatchWriteItem"], arns)


def _keep_rejects(config: Config) -> Json:
    return _allow("KeepRejects", ["s3:PutObject"], objects_arn(config.rejects_bucket, ""))


def _write_log(config: Config) -> Json:
    """CreateLogStream is asked for on the log group, PutLogEvents on a log stream, whose ARN goes on after the group's.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html (2026-11)
    """
    group = f"arn:${{AWS::Partition}}:logs:${{AWS::Region}}:${{AWS::AccountId}}:log-group:{names.log_group(config)}"
    return _allow("WriteLog", ["logs:CreateLogStream", "logs:PutLogEvents"], [{"Fn::Sub": group}, {"Fn::Sub": f"{group}:*"}])


def _queue_policy(queue: str, statements: list[Json]) -> Json:
    return {"Type": "AWS::SQS::QueuePolicy", "Properties": {"Queues": [{"Ref": queue}], "PolicyDocument": document(statements)}}


def tls_only(action: str, resource: object) -> Json:
    return {
        "Sid": TLS_ONLY,
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": resource,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def _service(sid: str, service: str, action: str) -> Json:
    return {"Sid": sid, "Effect": "Allow", "Principal": {"Service": service}, "Action": action}


def _allow(sid: str, actions: list[str], resource: object) -> Json:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource}


def document(statements: list[Json]) -> Json:
    return {"Version": "2012-10-17", "Statement": statements}
