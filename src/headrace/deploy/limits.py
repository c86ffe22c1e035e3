"""Whether the stack of a config fits into what AWS takes: said before anything is deployed."""

from __future__ import annotations

import json
from typing import Any

from headrace.config.model import Config
from headrace.deploy.names import Json
from headrace.deploy.template import template
from headrace.errors import ConfigError, ConfigProblem

TEMPLATE_BYTES_MAX = 51_200
"""CloudFormation's limit for a template in a call."""
POLICY_CHARACTERS_MAX = 10_240
"""Of all inline policies of a role, white space not counted (IAM user guide, reference_iam-quotas, 2026-11)."""
_LONGEST: Json = {"${AWS::Partition}": "aws-us-gov", "${AWS::Region}": "ap-southeast-1", "${AWS::AccountId}": "1" * 12}
_ARN = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:"

HINT = "let patterns share what is before their first `*`, as in/*-orders.csv and in/*-items.csv do, and routes a table; or divide them between two stacks"


def require_fit(config: Config) -> None:
    """Raises ConfigError where the template or the policy of a role is too large."""
    document = template(config)
    size = len(json.dumps(document, separators=(",", ":")))
    problems = [] if size <= TEMPLATE_BYTES_MAX else [_problem(config, f"a template of {size:,} bytes", TEMPLATE_BYTES_MAX)]
    for resource in document["Resources"].values():
        if resource["Type"] == "AWS::IAM::Role":
            length = sum(_characters(one["PolicyDocument"], config) for one in resource["Properties"]["Policies"])
            if length > POLICY_CHARACTERS_MAX:
                problems.append(_problem(config, f"a role's policy of {length:,} characters", POLICY_CHARACTERS_MAX))
    if problems:
        raise ConfigError("headrace.yaml", problems)


def _problem(config: Config, what: str, most: int) -> ConfigProblem:
    return ConfigProblem("routes", f"{len(config.routes)} routes to {len(config.tables)} tables, which make {what}", f"at most {most:,}", HINT)


def _characters(policy: Json, config: Config) -> int:
    """Of a policy as it is deployed, in the region with the longest name."""
    return len(json.dumps(_resolved(policy, config), separators=(",", ":")))


def _resolved(value: Any, config: Config) -> Any:  # Any: a piece of a template
    match value:
        case {"Fn::Sub": str(text)}:
            for name, longest in _LONGEST.items():
                text = text.replace(name, longest)
            return text
        case {"Fn::GetAtt": [_, "Arn"]}:
            return _resolved({"Fn::Sub": _ARN + config.sweeper_function}, config)
        case dict():
            return {key: _resolved(member, config) for key, member in value.items()}
        case list():
            return [_resolved(member, config) for member in value]
    return value
