"""The sweeper and its clock: a second function of the same zip, with a role of its own, run every 15 minutes."""

from __future__ import annotations

from headrace.config.model import Config
from headrace.deploy import names, policy
from headrace.deploy.names import Json

MINUTES = 15
TIMEOUT_S = 300
"""Less than the time between two runs, so that there is one at a time."""


def sweeper(config: Config) -> Json:
    """The function, its role, and the rule that runs it."""
    rule = f"{config.name}-sweep"
    return {
        "SweeperRole": policy.sweeper_role(config),
        "Sweeper": _function(config),
        "SweepRule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "Name": rule,
                "Description": f"Runs the sweeper of the stack {config.name}",
                "ScheduleExpression": f"rate({MINUTES} minutes)",
                "State": "ENABLED",
                "Targets": [{"Id": "sweeper", "Arn": {"Fn::GetAtt": ["Sweeper", "Arn"]}}],
            },
        },
        "SweepPermission": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "FunctionName": {"Ref": "Sweeper"},
                "Action": "lambda:InvokeFunction",
                "Principal": "events.amazonaws.com",
                "SourceArn": {"Fn::Sub": f"arn:${{AWS::Partition}}:events:${{AWS::Region}}:${{AWS::AccountId}}:rule/{rule}"},
            },
        },
    }


def _function(config: Config) -> Json:
    reasons = {
        "CKV_AWS_117": "Needs no private network: it talks to S3, SQS, Lambda and DynamoDB alone, and a VPC would add endpoints to pay for",
        "CKV_AWS_116": "A run that failed leaves nothing undone that the next one, 15 minutes later, does not do",
        "CKV_AWS_115": "One run at a time by its schedule; a reservation would fail in new accounts",
    }
    return {
        "Type": "AWS::Lambda::Function",
        "Metadata": policy.suppressed(reasons),
        "Properties": {
            "FunctionName": config.sweeper_function,
            "Description": f"Finds what no event told of in s3://{config.source.bucket}",
            "Runtime": names.RUNTIME,
            "Architectures": [config.function.architecture],
            "Handler": names.SWEEP_HANDLER,
            "Code": {"S3Bucket": {"Ref": "CodeBucket"}, "S3Key": {"Ref": "CodeKey"}},
            "Role": {"Fn::GetAtt": ["SweeperRole", "Arn"]},
            "MemorySize": 512,
            "Timeout": TIMEOUT_S,
            "LoggingConfig": {"LogGroup": {"Ref": "SweeperLogGroup"}, "LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"},
        },
    }
