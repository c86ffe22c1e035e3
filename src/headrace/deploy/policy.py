"""Who may do what: the function's role, the queues' and buckets' policies. No statement allows anything on ``*``."""

from __future__ import annotations

from headrace.config.model import SINGLE_MODES, Config, Route
from headrace.config.order import is_ordered
from headrace.deploy import names
from headrace.deploy.names import Json
from headrace.ledger.store import LISTING

TLS_ONLY = "TlsOnly"
"""Sid of the statement that refuses plain HTTP, in every queue and bucket policy."""

BATCH_SIDS = ("SendChunks", "TellOfObjects")
"""Sids of the statements for messages that are sent ten at a time."""

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
    statements = [*_read_objects(config), *_write_items(config), _keep_rejects(config), _keep_ledger(config), _write_log(config.loader_function)]
    if any(is_ordered(route) for route in config.routes):
        statements.append(_read_staged(config))
    if config.source.trigger == "sqs":
        actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"]
        statements.append(_allow("TakeMessages", actions, [{"Fn::GetAtt": [queue, "Arn"]} for queue in names.queues(config)]))
        statements.append(_allow("SendChunks", ["sqs:SendMessage"], {"Fn::GetAtt": ["ChunksQueue", "Arn"]}))
        statements.append(_allow("ListChunks", ["dynamodb:Query"], _table_arn(config.ledger_table)))
    statements.append(_allow("GiveUpEvents", ["sqs:SendMessage"], {"Fn::GetAtt": ["FailedQueue", "Arn"]}))
    return _role(f"What the loader of the stack {config.name} may do", "load", statements)


def sweeper_role(config: Config) -> Json:
    """The sweeper's role: it looks, takes note, and sends messages; it reads no content and writes no item."""
    table = _table_arn(config.ledger_table)
    actions = [f"dynamodb:{action}" for action in ("BatchGetItem", "PutItem", "UpdateItem", "Query")]
    statements = [
        *_read_objects(config),
        _allow("KeepLedger", actions, table),
        _allow("ListLedger", ["dynamodb:Query"], _table_arn(f"{config.ledger_table}/index/{LISTING}")),
        _write_log(config.sweeper_function),
    ]
    if config.source.trigger == "sqs":
        statements.append(_allow("TellOfObjects", ["sqs:SendMessage"], {"Fn::GetAtt": ["Queue", "Arn"]}))
        statements.append(_allow("SendChunks", ["sqs:SendMessage"], {"Fn::GetAtt": ["ChunksQueue", "Arn"]}))
    else:
        statements.append(_allow("TellOfObjects", ["lambda:InvokeFunction"], {"Fn::GetAtt": ["Function", "Arn"]}))
    return _role(f"What the sweeper of the stack {config.name} may do", "sweep", statements)


def _role(description: str, name: str, statements: list[Json]) -> Json:
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "Description": description,
            "AssumeRolePolicyDocument": document([_service("Assume", "lambda.amazonaws.com", "sts:AssumeRole")]),
            "Policies": [{"PolicyName": name, "PolicyDocument": document(statements)}],
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


def chunks_queue_policy() -> Json:
    return _queue_policy("ChunksQueue", [tls_only("sqs:*", {"Fn::GetAtt": ["ChunksQueue", "Arn"]})])


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


def _write_items(config: Config) -> list[Json]:
    """For each table what its routes write with: one statement for all tables with the same operations, named after these."""
    operations: dict[str, set[str]] = {}
    for route in config.routes:
        operations.setdefault(config.table_name(route.table), set()).update(_operations(route))
    tables: dict[tuple[str, ...], list[str]] = {}
    for table, names_ in sorted(operations.items()):
        tables.setdefault(tuple(sorted(names_)), []).append(table)
    return [_allow("".join(group), [f"dynamodb:{name}" for name in group], [_table_arn(table) for table in tables[group]]) for group in sorted(tables)]


def _operations(route: Route) -> set[str]:
    """What ``route`` writes with. BatchWriteItem needs no permission for the puts and deletes in it.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html (2026-11)
    """
    if route.mode not in SINGLE_MODES:
        return {"BatchWriteItem"}
    return {"UpdateItem" if route.mode == "update" else "PutItem"} | ({"DeleteItem"} if route.operation else set())


def _table_arn(table: str) -> Json:
    return {"Fn::Sub": f"arn:${{AWS::Partition}}:dynamodb:${{AWS::Region}}:${{AWS::AccountId}}:table/{table}"}


def _keep_ledger(config: Config) -> Json:
    """TransactWriteItems has no permission of its own (Service Authorization Reference, DynamoDB, 2026-11). The loader lists chunks only."""
    actions = ["BatchGetItem", "PutItem", "UpdateItem", "ConditionCheckItem"]
    return _allow("KeepLedger", [f"dynamodb:{action}" for action in actions], _table_arn(config.ledger_table))


def _keep_rejects(config: Config) -> Json:
    return _allow("KeepRejects", ["s3:PutObject"], objects_arn(config.rejects_bucket, ""))


def _read_staged(config: Config) -> Json:
    """Lists of hashes of keys, see ``headrace.repeats``."""
    return _allow("ReadStaged", ["s3:GetObject"], objects_arn(config.rejects_bucket, "staging/"))


def _write_log(function: str) -> Json:
    """CreateLogStream is asked for on the log group, PutLogEvents on a log stream, whose ARN goes on after the group's.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html (2026-11)
    """
    group = f"arn:${{AWS::Partition}}:logs:${{AWS::Region}}:${{AWS::AccountId}}:log-group:{names.log_group(function)}"
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
