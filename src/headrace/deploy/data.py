"""Buckets and tables outlive the stack: which are its own, and their deletion when that is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from headrace.config.model import Config
from headrace.deploy import names, services
from headrace.deploy.names import Clients, Json
from headrace.deploy.template import template
from headrace.errors import HeadraceError


def kept(config: Config) -> dict[str, tuple[str, str]]:
    """Type and name by logical id of every resource of the template that is kept when the stack goes."""
    named = {"AWS::S3::Bucket": "BucketName", "AWS::DynamoDB::Table": "TableName"}
    resources = template(config)["Resources"]
    return {
        logical_id: (resource["Type"], resource["Properties"][named[resource["Type"]]])
        for logical_id, resource in resources.items()
        if resource.get("DeletionPolicy") == "Retain"
    }


def in_stack(config: Config, clients: Clients) -> set[str]:
    """Logical ids of the stack's resources; empty without a stack."""
    gone = {"DELETE_COMPLETE", "DELETE_SKIPPED", "CREATE_FAILED"}
    try:
        answers = list(services.pages(clients("cloudformation"), "list_stack_resources", StackName=config.name))
    except HeadraceError as error:
        if services.is_missing_stack(error):
            return set()
        raise
    return {one["LogicalResourceId"] for page in answers for one in page["StackResourceSummaries"] if one["ResourceStatus"] not in gone}


def waiting(clients: Clients, queues: Iterable[str]) -> dict[str, int]:
    """How many messages each of ``queues`` holds, about, delivered ones among them; those that are empty or not there are left out."""
    counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"]
    found: dict[str, int] = {}
    for queue in queues:
        if url := services.find(clients("sqs"), "get_queue_url", QueueName=queue):
            answer = services.find(clients("sqs"), "get_queue_attributes", QueueUrl=url["QueueUrl"], AttributeNames=counts) or {"Attributes": {}}
            found[queue] = sum(int(value) for value in answer["Attributes"].values())
    return {queue: count for queue, count in found.items() if count}


def queues_removed(config: Config, clients: Clients) -> list[str]:
    """The queues of the stack that a deployment of ``config`` takes away: those of the other trigger."""
    names_of = {"Queue": config.events_queue, "ChunksQueue": config.chunks_queue}
    return [names_of[logical_id] for logical_id in sorted(in_stack(config, clients) & set(names_of) - set(names.queues(config)))]


def left_behind(config: Config, clients: Clients) -> list[str]:
    """Logical ids of the buckets and tables that are there already because an earlier stack of this name left them.

    Raises DATA_EXISTS for one that is not marked as this stack's: it may serve something else, and its notifications,
    policy and lifecycle would be replaced.
    """
    found = []
    members = in_stack(config, clients)
    for logical_id, (kind, name) in kept(config).items():
        tags = None if logical_id in members else _tags(kind, name, clients)
        if tags is not None and tags.get(names.OWNER_TAG) != config.name:
            table = kind == "AWS::DynamoDB::Table"
            hint = "set `existing: true` for the table, or give it another name" if table else "choose another bucket name"
            raise HeadraceError("DATA_EXISTS", f"{kind} {name} exists and is not of the stack {config.name}", hint=hint)
        if tags is not None:
            found.append(logical_id)
    return found


def identity(config: Config, logical_id: str) -> tuple[Json, Json]:
    """The resource with no more than what identifies it and cannot change, and its identifier for an import."""
    resource: Json = template(config)["Resources"][logical_id]
    fixed = {"BucketName", "TableName", "KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes", "BillingMode"}
    properties = {name: value for name, value in resource["Properties"].items() if name in fixed}
    identifier = {name: value for name, value in properties.items() if name in {"BucketName", "TableName"}}
    policies = {name: resource[name] for name in ("DeletionPolicy", "UpdateReplacePolicy")}
    return {"Type": resource["Type"], **policies, "Properties": properties}, identifier


def delete_kept(config: Config, members: set[str], clients: Clients) -> list[str]:
    """Delete the content and the shell of every kept bucket and table of this stack; returns their names.

    ``members`` are logical ids that were in the stack until now; anything else must carry the stack's tag.
    """
    deleted = []
    for logical_id, (kind, name) in kept(config).items():
        tags = _tags(kind, name, clients)
        if tags is not None and (logical_id in members or tags.get(names.OWNER_TAG) == config.name):
            _delete(kind, name, clients)
            deleted.append(name)
    return deleted


def existing(config: Config, clients: Clients) -> list[str]:
    """Names of the kept buckets and tables that are there."""
    return [name for kind, name in kept(config).values() if _tags(kind, name, clients) is not None]


def empty_bucket(s3: Any, bucket: str, prefix: str = "") -> None:
    """Delete every version and every delete marker under ``prefix``."""
    for page in services.pages(s3, "list_object_versions", Bucket=bucket, Prefix=prefix):
        entries = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]]
        if entries:
            answer = services.call(s3, "delete_objects", Bucket=bucket, Delete={"Objects": entries, "Quiet": True})
            if errors := answer.get("Errors"):
                raise HeadraceError("OBJECT_KEPT", f"{bucket}/{errors[0]['Key']} was not deleted: {errors[0].get('Message', errors[0]['Code'])}")


def _delete(kind: str, name: str, clients: Clients) -> None:
    if kind == "AWS::S3::Bucket":
        empty_bucket(clients("s3"), name)
        services.call(clients("s3"), "delete_bucket", Bucket=name)
    else:
        services.call(clients("dynamodb"), "update_table", TableName=name, DeletionProtectionEnabled=False)
        services.call(clients("dynamodb"), "delete_table", TableName=name)


def _tags(kind: str, name: str, clients: Clients) -> dict[str, str] | None:
    """The tags of a bucket or table; None if there is none of this name in the account. A bucket of another account raises Denied."""
    if kind == "AWS::S3::Bucket":
        if services.find(clients("s3"), "head_bucket", Bucket=name) is None:
            return None
        return _as_dict(services.find(clients("s3"), "get_bucket_tagging", Bucket=name), "TagSet")
    table = services.find(clients("dynamodb"), "describe_table", TableName=name)
    if table is None:
        return None
    return _as_dict(services.call(clients("dynamodb"), "list_tags_of_resource", ResourceArn=table["Table"]["TableArn"]), "Tags")


def _as_dict(answer: Json | None, member: str) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in (answer or {}).get(member, [])}
