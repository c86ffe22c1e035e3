"""What a deployed stack really is, compared with its template: drift on AWS, and on an emulator what it dropped."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from headrace.config.model import Config
from headrace.deploy.names import Clients, Json
from headrace.deploy.readers import READERS, statements
from headrace.deploy.repair import MENDERS
from headrace.deploy.resolve import Deployed, deployed
from headrace.errors import ServiceError


@dataclass(frozen=True)
class Gap:
    """One property that is not as the template says; ``found`` is None where nothing is set.

    ``property`` is empty for a resource that is not there at all, and ends in a statement's Sid for a policy.
    """

    resource: str
    property: str
    expected: object
    found: object
    repaired: bool = False


def readback(config: Config, clients: Clients) -> list[Gap]:
    """Every gap between the template and the deployed stack, in the template's order; changes nothing.

    What is there besides the template is no gap, except a statement in a policy: ``expected`` is None for it.
    Raises ServiceError if there is no stack or a service does not answer.
    """
    return [gap for resource in deployed(config, clients) for gap in _gaps(resource, clients)]


def repair(config: Config, gaps: list[Gap], clients: Clients) -> list[Gap]:
    """Set through the services' own API what is missing, where that can be done, and read it back.

    Returns ``gaps`` with ``repaired`` true where the template now holds. Meant for an emulator, whose CloudFormation drops properties; on
    AWS a change set is the way. TLS-only statements and whole resources stay as they are.
    """
    resources = {resource.logical_id: resource for resource in deployed(config, clients)}
    for gap in gaps:
        resource = resources[gap.resource]
        if mend := MENDERS.get((resource.type, gap.property)):
            mend(resource, clients, gap.expected)
    left = {(gap.resource, gap.property) for gap in readback(config, clients)}
    return [replace(gap, repaired=(gap.resource, gap.property) not in left) for gap in gaps]


def wanted(kind: str, name: str, value: Any) -> object:
    """A resolved property of the template in the shape of the service's API."""
    convert = _WANTED.get((kind, name))
    return convert(value) if convert else value


def covers(expected: object, found: object) -> bool:
    """Whether ``found`` holds everything of ``expected``: members may be more and lists in another order; 300, 300.0 and "300" are the same."""
    match expected, found:
        case dict(), dict():
            return all(key in found and covers(value, found[key]) for key, value in expected.items())
        case list(), list():
            return len(expected) == len(found) and all(any(covers(one, other) for other in found) for one in expected)
        case (dict() | list() | None, _) | (_, dict() | list() | None):
            return False
    return _plain(expected) == _plain(found)


def _plain(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).lower()


def _gaps(resource: Deployed, clients: Clients) -> list[Gap]:
    identified = resource.id or resource.type in {"AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy"}
    try:
        found = READERS[resource.type](resource, clients) if identified else None
    except ServiceError as error:
        if error.retryable:
            raise
        return [Gap(resource.logical_id, "", resource.type, f"cannot be read: {error.service_code}")]
    if found is None:
        return [Gap(resource.logical_id, "", resource.type, None)]
    gaps = []
    for name, value in resource.properties.items():
        for property_name, expected, actual in _pairs(name, wanted(resource.type, name, value), found.get(name)):
            if not covers(expected, actual):
                gaps.append(Gap(resource.logical_id, property_name, expected, actual))
    return gaps


def _pairs(name: str, expected: Any, actual: Any) -> list[tuple[str, object, object]]:
    """What is compared as one: a property, but of policies every statement, and of tags every tag."""
    if name in {"PolicyDocument", "AssumeRolePolicyDocument", "Policies"}:
        found = actual or {}  # a statement that the template does not have is a gap as well: it permits or refuses something
        return [(f"{name}.{sid}", expected.get(sid), found.get(sid)) for sid in dict.fromkeys([*expected, *found])]
    if name == "Tags":
        ours = [tag for tag in actual or [] if tag["Key"] in {one["Key"] for one in expected}]
        return [(name, expected, ours or None)]
    return [(name, expected, actual)]


def _lifecycle(value: Json) -> Json:
    rules = []
    for rule in value["Rules"]:
        own = {key: member for key, member in rule.items() if key not in {"Id", "ExpirationInDays"}}
        expiration = {"Expiration": {"Days": rule["ExpirationInDays"]}} if "ExpirationInDays" in rule else {}
        rules.append({"ID": rule["Id"], **own, **expiration})
    return {"Rules": rules}


def _notifications(value: Json) -> Json:
    api = {
        "QueueConfigurations": ("QueueConfigurations", "Queue", "QueueArn"),
        "LambdaConfigurations": ("LambdaFunctionConfigurations", "Function", "LambdaFunctionArn"),
    }
    found: Json = {}
    for kind, targets in value.items():
        member, own, arn = api[kind]
        found[member] = [{arn: target[own], "Events": [target["Event"]], **_notification_filter(target)} for target in targets]
    return found


def _notification_filter(target: Json) -> Json:
    return {"Filter": {"Key": {"FilterRules": target["Filter"]["S3Key"]["Rules"]}}} if "Filter" in target else {}


def _code_hash(value: Json) -> object:
    """Lambda's hash of the zip (base64) from a key that ends in the same hash (hexadecimal); any other key cannot be compared and stays a gap."""
    named = re.search(r"([0-9a-f]{64})\.zip$", value["S3Key"])
    return base64.b64encode(bytes.fromhex(named[1])).decode() if named else value


def _encryption(value: Json) -> Json:
    return {"Rules": [{"ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"]} for rule in value["ServerSideEncryptionConfiguration"]]}


def _inline_policies(value: list[Json]) -> Json:
    return {f"{policy['PolicyName']}.{sid}": one for policy in value for sid, one in statements(policy["PolicyDocument"]).items()}


_WANTED: dict[tuple[str, str], Callable[[Any], object]] = {
    ("AWS::S3::Bucket", "BucketEncryption"): _encryption,
    ("AWS::S3::Bucket", "LifecycleConfiguration"): _lifecycle,
    ("AWS::S3::Bucket", "NotificationConfiguration"): _notifications,
    ("AWS::S3::BucketPolicy", "PolicyDocument"): statements,
    ("AWS::SQS::QueuePolicy", "PolicyDocument"): statements,
    ("AWS::IAM::Role", "AssumeRolePolicyDocument"): statements,
    ("AWS::IAM::Role", "Policies"): _inline_policies,
    ("AWS::DynamoDB::Table", "PointInTimeRecoverySpecification"): lambda value: "ENABLED",
    ("AWS::DynamoDB::Table", "SSESpecification"): lambda value: "ENABLED",
    ("AWS::DynamoDB::Table", "TimeToLiveSpecification"): lambda value: {"AttributeName": value["AttributeName"], "TimeToLiveStatus": "ENABLED"},
    ("AWS::Lambda::Function", "Code"): _code_hash,
    ("AWS::CloudWatch::Dashboard", "DashboardBody"): json.loads,
}
