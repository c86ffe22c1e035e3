"""Deploying the stack of a config, and taking it away."""

from __future__ import annotations

import json
from dataclasses import dataclass

from headrace.config.model import Config
from headrace.deploy import data, services
from headrace.deploy.changeset import Change, ChangeSet, Progress, Stacks
from headrace.deploy.limits import require_fit
from headrace.deploy.names import OWNER_TAG, Clients, Json, code_bucket
from headrace.deploy.package import Package
from headrace.deploy.policy import BATCH_SIDS, TLS_ONLY
from headrace.deploy.template import template
from headrace.deploy.upload import code_key, upload
from headrace.ports import Clock, SystemClock


@dataclass(frozen=True)
class Deployment:
    """A deployed stack. ``changes`` is empty if nothing was to be changed, ``created`` tells a new stack."""

    stack: str
    created: bool
    changes: tuple[Change, ...]
    outputs: dict[str, str]


@dataclass(frozen=True)
class Destroyed:
    """What became of it: names of the buckets and tables deleted with their content, and of those that are still there."""

    stack: str
    deleted: tuple[str, ...]
    retained: tuple[str, ...]


def deploy(
    config: Config, package: Package, clients: Clients, *, alarm_topic: str | None = None, progress: Progress | None = None, clock: Clock | None = None
) -> Deployment:
    """Bring the stack ``config.name`` to the template of ``config`` with the code of ``package``; returns when it is done.

    ``alarm_topic`` None keeps what the stack has. Over plain HTTP the TLS-only statements are left out, because they would shut out
    S3 and the functions, and the roles have what only an emulator asks for; ``readback`` names both. Buckets and tables that an earlier
    stack of this name left behind are taken in.
    Raises ConfigError where the stack does not fit (``limits``), ServiceError STACK_FAILED with the resource and the reason (CloudFormation has
    rolled back), DATA_EXISTS, Deadline.
    """
    require_fit(config)
    stacks = Stacks(clients("cloudformation"), clock or SystemClock(), progress)
    adopted = data.left_behind(config, clients)
    bucket = upload(config, package, clients)
    if stacks.status(config.name) == "ROLLBACK_COMPLETE":  # a failed creation holds nothing and can only be deleted
        stacks.delete(config.name)
    created = stacks.status(config.name) in {"", "REVIEW_IN_PROGRESS"}
    if adopted:
        _adopt(stacks, config, adopted, clients, created=created)
    parameters = _parameters(bucket, code_key(config, package), alarm_topic, created=created)
    change_set = stacks.prepare(config.name, "CREATE" if created and not adopted else "UPDATE", _document(config, clients), parameters)
    if change_set.changes:
        stacks.execute(change_set)
    else:
        stacks.discard(change_set)
    return Deployment(config.name, created, change_set.changes, outputs(config, clients))


def diff(config: Config, package: Package, clients: Clients, *, alarm_topic: str | None = None, clock: Clock | None = None) -> tuple[Change, ...]:
    """What ``deploy`` would change; empty if nothing. Uploads nothing and leaves nothing behind. Raises as ``deploy`` does."""
    require_fit(config)
    stacks = Stacks(clients("cloudformation"), clock or SystemClock())
    created = stacks.status(config.name) in {"", "REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"}
    bucket = code_bucket(config, services.account(clients), services.region(clients))
    parameters = _parameters(bucket, code_key(config, package), alarm_topic, created=created)
    adopts = bool(data.left_behind(config, clients))
    kind = "CREATE" if created else "UPDATE"
    change_set = stacks.prepare(config.name, kind, _document(config, clients), parameters, ImportExistingResources=adopts)
    stacks.discard(change_set)
    return change_set.changes


def destroy(config: Config, clients: Clients, *, delete_data: bool = False, progress: Progress | None = None, clock: Clock | None = None) -> Destroyed:
    """Delete the stack and the function's zips; with ``delete_data`` also every bucket and table of this stack, and what is in them.

    May be repeated, also without a stack. Raises ServiceError STACK_FAILED with the resource and the reason, Deadline.
    """
    stacks = Stacks(clients("cloudformation"), clock or SystemClock(), progress)
    members = data.in_stack(config, clients)
    stacks.delete(config.name)
    _delete_zips(config, clients)
    deleted = data.delete_kept(config, members, clients) if delete_data else []
    return Destroyed(config.name, tuple(deleted), tuple(data.existing(config, clients)))


def outputs(config: Config, clients: Clients) -> dict[str, str]:
    """The stack's outputs by name; empty without a stack."""
    described = Stacks(clients("cloudformation"), SystemClock()).describe(config.name) or {}
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}


def without_tls_only(document: Json) -> Json:
    """The template for a server that speaks plain HTTP: policies without their TLS-only statement, and no policy that said nothing else."""
    kept: Json = {}
    for name, resource in document["Resources"].items():
        if resource["Type"] in {"AWS::SQS::QueuePolicy", "AWS::S3::BucketPolicy"}:
            policy = resource["Properties"]["PolicyDocument"]
            statements = [statement for statement in policy["Statement"] if statement["Sid"] != TLS_ONLY]
            if not statements:
                continue
            properties = {**resource["Properties"], "PolicyDocument": {**policy, "Statement": statements}}
            resource = {**resource, "Properties": properties}
        kept[name] = resource
    return {**document, "Resources": kept}


def with_send_batch(document: Json) -> Json:
    """The template for the emulator, which wants an action of its own for SendMessageBatch. AWS knows none: there it is sqs:SendMessage.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html (2026-11)
    """
    changed: Json = json.loads(json.dumps(document))
    for resource in changed["Resources"].values():
        for policy in resource["Properties"].get("Policies", []) if resource["Type"] == "AWS::IAM::Role" else []:
            for statement in policy["PolicyDocument"]["Statement"]:
                if statement["Sid"] in BATCH_SIDS and "sqs:SendMessage" in statement["Action"]:
                    statement["Action"].append("sqs:SendMessageBatch")
    return changed


def _document(config: Config, clients: Clients) -> Json:
    document = template(config)
    return with_send_batch(without_tls_only(document)) if services.is_plain_http(clients) else document


def _parameters(bucket: str, key: str, topic: str | None, *, created: bool) -> list[Json]:
    last: Json = {"UsePreviousValue": True} if topic is None and not created else {"ParameterValue": topic or ""}
    code = [{"ParameterKey": "CodeBucket", "ParameterValue": bucket}, {"ParameterKey": "CodeKey", "ParameterValue": key}]
    return [*code, {"ParameterKey": "AlarmTopicArn", **last}]


def _adopt(stacks: Stacks, config: Config, adopted: list[str], clients: Clients, *, created: bool) -> None:
    """Import kept buckets and tables, described by no more than their identity, so that the update after it sets everything else anew.

    An import leaves the resource as it is, whatever the template says. Creation and import in one change set
    (ImportExistingResources) would therefore keep an outdated notification or policy.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-manually.html (2026-11)
    """
    document: Json = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": {}}
    if not created:
        current = services.call(clients("cloudformation"), "get_template", StackName=config.name)["TemplateBody"]
        document = json.loads(current) if isinstance(current, str) else json.loads(json.dumps(current))
    parameters = [{"ParameterKey": name, "UsePreviousValue": True} for name in document.get("Parameters", {})]
    imports = []
    for logical_id in adopted:
        resource, identifier = data.identity(config, logical_id)
        document["Resources"][logical_id] = resource
        imports.append({"ResourceType": resource["Type"], "LogicalResourceId": logical_id, "ResourceIdentifier": identifier})
    change_set: ChangeSet = stacks.prepare(config.name, "IMPORT", document, parameters, ResourcesToImport=imports)
    stacks.execute(change_set)


def _delete_zips(config: Config, clients: Clients) -> None:
    """Empty the stack's folder of the code bucket, and delete the bucket if this stack made it and nothing else is in it."""
    s3, owner = clients("s3"), services.account(clients)
    bucket = code_bucket(config, owner, services.region(clients))
    if services.find(s3, "head_bucket", Bucket=bucket, ExpectedBucketOwner=owner) is None:
        return
    data.empty_bucket(s3, bucket, f"{config.name}/")
    tags = services.find(s3, "get_bucket_tagging", Bucket=bucket) or {"TagSet": []}
    rest = services.call(s3, "list_object_versions", Bucket=bucket, MaxKeys=1)
    if not rest.get("Versions") and not rest.get("DeleteMarkers") and {"Key": OWNER_TAG, "Value": config.name} in tags["TagSet"]:
        services.call(s3, "delete_bucket", Bucket=bucket)
