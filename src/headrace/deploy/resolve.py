"""The template's properties with every intrinsic function replaced by what it stands for in a deployed stack."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from headrace.config.model import Config
from headrace.deploy import services
from headrace.deploy.names import Clients, Json
from headrace.deploy.template import template


@dataclass(frozen=True)
class Deployed:
    """A resource of the template in a deployed stack. ``id`` is its physical id, empty if the stack does not have it."""

    logical_id: str
    type: str
    id: str
    properties: Json


@dataclass(frozen=True)
class _Stack:
    pseudo: dict[str, str]
    parameters: dict[str, str]
    ids: dict[str, str]
    resources: Json


def deployed(config: Config, clients: Clients) -> list[Deployed]:
    """Every resource of the template, in its order. Raises ServiceError if there is no stack."""
    cloudformation = clients("cloudformation")
    described = services.call(cloudformation, "describe_stacks", StackName=config.name)["Stacks"][0]
    answers = services.pages(cloudformation, "list_stack_resources", StackName=config.name)
    stack = _Stack(
        pseudo={
            "AWS::AccountId": described["StackId"].split(":")[4],
            "AWS::Region": described["StackId"].split(":")[3],
            "AWS::Partition": described["StackId"].split(":")[1],
        },
        parameters={one["ParameterKey"]: one["ParameterValue"] for one in described.get("Parameters", [])},
        ids={one["LogicalResourceId"]: one.get("PhysicalResourceId", "") for page in answers for one in page["StackResourceSummaries"]},
        resources=template(config)["Resources"],
    )
    return [Deployed(name, one["Type"], stack.ids.get(name, ""), _resolved(stack, one["Properties"])) for name, one in stack.resources.items()]


def _resolved(stack: _Stack, value: Any) -> Any:  # Any: a piece of a template
    match value:
        case {"Ref": str(name)}:
            return stack.pseudo.get(name) or stack.parameters.get(name, stack.ids.get(name, ""))
        case {"Fn::GetAtt": [name, "Arn"]}:
            return _arn(stack, name)
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{([^}]+)\}", lambda found: stack.pseudo[found[1]], text)
        case {"Fn::If": [_, then, _]}:  # the template's only condition
            return _resolved(stack, then) if stack.parameters.get("AlarmTopicArn") else None
        case dict():
            plain = {key: _resolved(stack, member) for key, member in value.items()}
            return {key: member for key, member in plain.items() if member is not None}
        case list():
            return [_resolved(stack, member) for member in value]
    return value


def _arn(stack: _Stack, logical_id: str) -> str:
    resource = stack.resources[logical_id]
    partition, region, account = (stack.pseudo[f"AWS::{name}"] for name in ("Partition", "Region", "AccountId"))
    match resource["Type"]:
        case "AWS::IAM::Role":
            return f"arn:{partition}:iam::{account}:role/{stack.ids.get(logical_id, '')}"
        case "AWS::SQS::Queue":
            return f"arn:{partition}:sqs:{region}:{account}:{resource['Properties']['QueueName']}"
        case "AWS::Logs::LogGroup":
            return f"arn:{partition}:logs:{region}:{account}:log-group:{resource['Properties']['LogGroupName']}:*"
    return f"arn:{partition}:lambda:{region}:{account}:function:{resource['Properties']['FunctionName']}"
