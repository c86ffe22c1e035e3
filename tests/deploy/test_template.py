"""The template: what a reviewer would check by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Literal

import pytest
import yaml
from cfnlint import lint

from deploy.deploy_samples import BUCKET, config, matrix, route
from headrace.config.check import ROUTES_MAX
from headrace.config.model import Config, Mode, Table
from headrace.deploy import names
from headrace.deploy.limits import TEMPLATE_BYTES_MAX, require_fit
from headrace.deploy.readers import READERS
from headrace.deploy.stack import without_tls_only
from headrace.deploy.template import as_json, as_yaml, template
from headrace.errors import ConfigError, ConfigProblem
from headrace.ledger.store import LISTING

CONFIGS = [pytest.param(one, id=name) for name, one in matrix().items()]
every_config = pytest.mark.parametrize("config", CONFIGS)


def resources(config: Config, kind: str) -> dict[str, Any]:
    found = template(config)["Resources"].items()
    return {name: one["Properties"] for name, one in found if one["Type"] == kind}


def statements(config: Config, role_id: str = "FunctionRole") -> list[dict[str, Any]]:
    role = template(config)["Resources"][role_id]["Properties"]
    return [one for policy in role["Policies"] for one in policy["PolicyDocument"]["Statement"]]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@every_config
def test_template_when_linted_has_no_finding(config: Config) -> None:
    """cfn-lint finds neither an error nor a warning."""
    assert [str(found) for found in lint(as_json(template(config)))] == []


@every_config
def test_template_when_written_as_yaml_is_the_same_without_aliases(config: Config) -> None:
    """CloudFormation does not read YAML aliases."""
    text = as_yaml(template(config))
    assert yaml.safe_load(text) == template(config)
    assert "&id0" not in text


@every_config
def test_template_when_made_fits_into_a_call(config: Config) -> None:
    """CreateChangeSet takes 51,200 bytes of template; a third is left for tables and routes."""
    assert len(json.dumps(template(config), separators=(",", ":"))) < TEMPLATE_BYTES_MAX * 2 / 3


@every_config
def test_role_when_made_allows_exact_resources_only(config: Config) -> None:
    """No statement allows an action pattern, or anything on ``*``."""
    for statement in statements(config) + statements(config, "SweeperRole"):
        assert all("*" not in action for action in listed(statement["Action"])), statement
        for resource in listed(statement["Resource"]):
            text = resource.get("Fn::Sub", "by attribute")
            assert text != "*" and "::*" not in text and "/*/" not in text, statement


@every_config
def test_role_when_made_may_do_what_the_loader_does_and_no_more(config: Config) -> None:
    """Read the source, write items, keep rejects and the ledger, write its own log, take events from its queue or give them up."""
    actions = {action for statement in statements(config) for action in listed(statement["Action"])}
    always = {"s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "s3:PutObject", "dynamodb:BatchWriteItem", "logs:CreateLogStream", "logs:PutLogEvents"}
    always |= {f"dynamodb:{action}" for action in ("BatchGetItem", "PutItem", "UpdateItem", "ConditionCheckItem")}
    queue = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes", "dynamodb:Query"}
    assert actions == always | {"sqs:SendMessage"} | (queue if config.source.trigger == "sqs" else set())


@every_config
def test_sweeper_when_made_looks_and_tells_but_reads_and_writes_nothing_else(config: Config) -> None:
    """It may send to the loader's queues or invoke the loader; it runs every 15 minutes, and not twice at a time."""
    found = {(one["Sid"], action) for one in statements(config, "SweeperRole") for action in listed(one["Action"])}
    telling = {("TellOfObjects", "sqs:SendMessage"), ("SendChunks", "sqs:SendMessage")}
    assert found == {
        ("ReadObjects", "s3:GetObject"),
        ("ReadObjects", "s3:GetObjectVersion"),
        ("TellMissingFromForbidden", "s3:ListBucket"),
        *(("KeepLedger", f"dynamodb:{action}") for action in ("BatchGetItem", "PutItem", "UpdateItem", "Query")),
        ("ListLedger", "dynamodb:Query"),
        ("WriteLog", "logs:CreateLogStream"),
        ("WriteLog", "logs:PutLogEvents"),
        *(telling if config.source.trigger == "sqs" else {("TellOfObjects", "lambda:InvokeFunction")}),
    }
    (rule,) = resources(config, "AWS::Events::Rule").values()
    function = resources(config, "AWS::Lambda::Function")["Sweeper"]
    assert rule["ScheduleExpression"] == "rate(15 minutes)"
    assert function["Timeout"] < 15 * 60
    permission = resources(config, "AWS::Lambda::Permission")["SweepPermission"]
    assert permission["SourceArn"]["Fn::Sub"].endswith(f":rule/{rule['Name']}")
    assert (function["Handler"], function["LoggingConfig"]["LogGroup"]) == ("headrace.sweep_handler.sweep", {"Ref": "SweeperLogGroup"})


def test_role_when_routes_have_prefixes_reads_and_lists_these_only() -> None:
    """GetObject and ListBucket are limited to the prefixes of the routes; writing rejects is limited to the other bucket."""
    by_sid = {one["Sid"]: one for one in statements(config())}
    assert by_sid["ReadObjects"]["Resource"] == [{"Fn::Sub": f"arn:${{AWS::Partition}}:s3:::{BUCKET}/incoming/orders-*"}]
    assert by_sid["TellMissingFromForbidden"]["Condition"] == {"StringLike": {"s3:prefix": ["incoming/orders-*"]}}
    assert by_sid["KeepRejects"]["Resource"] == {"Fn::Sub": f"arn:${{AWS::Partition}}:s3:::{BUCKET}-rejects/*"}


def test_role_when_a_table_exists_already_names_it_exactly() -> None:
    """A table that the stack does not create is written to by its own name."""
    existing = matrix()["existing"]
    arn = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/Orders-2024"
    assert [one["Resource"] for one in statements(existing) if one["Sid"] == "BatchWriteItem"] == [[{"Fn::Sub": arn}]]
    assert set(resources(existing, "AWS::DynamoDB::Table")) == {"LedgerTable"}


def writes(config: Config) -> dict[str, set[str]]:
    """The operations that the role may call on each table, by the statements that are named after them."""
    found: dict[str, set[str]] = {}
    for one in statements(config):
        actions = [action.partition(":")[2] for action in listed(one["Action"])]
        for resource in listed(one["Resource"]) if one["Sid"] == "".join(actions) else []:
            assert found.setdefault(resource["Fn::Sub"].rpartition("/")[2], set(actions)) == set(actions)
    return found


def test_role_may_write_to_each_table_in_the_modes_of_its_routes_only() -> None:
    """A table that no route names gets nothing; a route with an operation column may delete."""
    modes: list[tuple[str, Mode, str, set[str]]] = [
        ("put", "put", "op", {"BatchWriteItem"}),
        ("delete", "delete", "", {"BatchWriteItem"}),
        ("insert", "insert_only", "", {"PutItem"}),
        ("change", "insert_only", "op", {"PutItem", "DeleteItem"}),
        ("newer", "newer_wins", "", {"PutItem"}),
        ("merge", "update", "", {"UpdateItem"}),
        ("merge_change", "update", "op", {"UpdateItem", "DeleteItem"}),
    ]
    tables = {name: Table({"id": "string"}) for name, *_ in modes} | {"unused": Table({"id": "string"})}
    routes = [replace(route(name, f"{name}/*", name), mode=mode, operation=operation) for name, mode, operation, _ in modes]
    assert writes(replace(config(), tables=tables, routes=routes)) == {name: operations for name, _, _, operations in modes}
    both = [replace(one, table="put") for one in routes]
    assert writes(replace(config(), tables=tables, routes=both)) == {"put": {"BatchWriteItem", "PutItem", "UpdateItem", "DeleteItem"}}


@every_config
def test_queue_policies_when_made_refuse_plain_http_and_other_accounts(config: Config) -> None:
    """Only S3 sends, only for this bucket of this account, and nobody comes without TLS."""
    for policy in resources(config, "AWS::SQS::QueuePolicy").values():
        by_effect = {one["Effect"]: one for one in policy["PolicyDocument"]["Statement"]}
        assert by_effect["Deny"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        if allow := by_effect.get("Allow"):
            assert allow["Principal"] == {"Service": "s3.amazonaws.com"}
            assert allow["Action"] == "sqs:SendMessage"
            assert allow["Condition"]["ArnLike"] == {"aws:SourceArn": {"Fn::Sub": f"arn:${{AWS::Partition}}:s3:::{BUCKET}"}}
            assert allow["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}


@every_config
def test_buckets_when_made_are_private_encrypted_versioned_and_kept(config: Config) -> None:
    """Both buckets: no public access, no ACLs, encryption, versions, TLS only, and they outlive the stack."""
    found = {name: one for name, one in template(config)["Resources"].items() if one["Type"] == "AWS::S3::Bucket"}
    policies = resources(config, "AWS::S3::BucketPolicy")
    assert len(found) == 2
    for name, bucket in found.items():
        properties = bucket["Properties"]
        assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
        assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
        assert properties["BucketEncryption"]
        assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == ("Retain", "Retain")
        (deny,) = policies[f"{name}Policy"]["PolicyDocument"]["Statement"]
        assert (deny["Effect"], deny["Action"], deny["Condition"]) == ("Deny", "s3:*", {"Bool": {"aws:SecureTransport": "false"}})


def test_rejects_bucket_when_made_forgets_after_the_retention() -> None:
    """Rejects expire with their older versions and unfinished uploads; the source's objects are the user's."""
    buckets = resources(matrix()["x86_slow"], "AWS::S3::Bucket")
    rules = {rule["Id"]: rule for rule in buckets["RejectsBucket"]["LifecycleConfiguration"]["Rules"]}
    assert buckets["RejectsBucket"]["BucketName"] == "acme-refused"
    assert rules["Expire"]["ExpirationInDays"] == 7
    assert rules["Expire"]["NoncurrentVersionExpiration"]
    assert rules["AbortUploads"]["AbortIncompleteMultipartUpload"]
    assert not any("ExpirationInDays" in rule for rule in buckets["SourceBucket"]["LifecycleConfiguration"]["Rules"])


@every_config
def test_tables_when_made_are_protected_and_kept(config: Config) -> None:
    """On demand, restorable to a point in time, encrypted, protected from deletion, and they outlive the stack."""
    for resource in template(config)["Resources"].values():
        if resource["Type"] == "AWS::DynamoDB::Table":
            properties = resource["Properties"]
            assert properties["BillingMode"] == "PAY_PER_REQUEST"
            assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
            assert properties["SSESpecification"] == {"SSEEnabled": True}
            assert properties["DeletionProtectionEnabled"] is True
            assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_table_when_made_has_the_keys_types_and_expiry_of_the_config() -> None:
    """The first key is the partition key, the second the sort key; TTL only where it is named."""
    table = resources(config(), "AWS::DynamoDB::Table")["TableOrders"]
    assert table["KeySchema"] == [{"AttributeName": "customer", "KeyType": "HASH"}, {"AttributeName": "placed", "KeyType": "RANGE"}]
    assert table["AttributeDefinitions"] == [{"AttributeName": "customer", "AttributeType": "S"}, {"AttributeName": "placed", "AttributeType": "N"}]
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert "TimeToLiveSpecification" not in resources(matrix()["no_ttl"], "AWS::DynamoDB::Table")["TableOrders"]


def test_tables_when_names_differ_by_punctuation_have_logical_ids_of_their_own() -> None:
    """``my-customers`` and ``my_customers`` are two tables."""
    found = resources(matrix()["two_routes"], "AWS::DynamoDB::Table")
    assert {name: table["TableName"] for name, table in found.items()} == {
        "TableOrders": "orders",
        "TableMyCustomers": "my-customers",
        "TableMyCustomers2": "my_customers",
        "LedgerTable": "acme-ledger",
    }


@every_config
def test_ledger_table_when_made_has_the_keys_and_the_index_of_the_store(config: Config) -> None:
    """Its one index holds whole items by ``listing`` and ``listed_at``; what is over expires; every attribute defined is a key of table or index."""
    table = resources(config, "AWS::DynamoDB::Table")["LedgerTable"]
    assert table["KeySchema"] == [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
    (index,) = table["GlobalSecondaryIndexes"]
    assert (index["IndexName"], index["Projection"]) == (LISTING, {"ProjectionType": "ALL"})
    assert index["KeySchema"] == [{"AttributeName": "listing", "KeyType": "HASH"}, {"AttributeName": "listed_at", "KeyType": "RANGE"}]
    assert table["AttributeDefinitions"] == [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "listing", "listed_at")]
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


@every_config
def test_chunks_queue_when_made_has_a_trigger_of_its_own_and_gives_up_to_the_failed_queue(config: Config) -> None:
    """Chunks of a large object do not stand before small objects. Without queues nothing is cut, so there is none."""
    queues = resources(config, "AWS::SQS::Queue")
    triggers = {one["EventSourceArn"]["Fn::GetAtt"][0] for one in resources(config, "AWS::Lambda::EventSourceMapping").values()}
    assert triggers == set(queues) - {"FailedQueue"} == ({"Queue", "ChunksQueue"} if config.source.trigger == "sqs" else set())
    for name in triggers:
        assert queues[name]["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": ["FailedQueue", "Arn"]}
    allowed = queues["FailedQueue"]["RedriveAllowPolicy"]
    assert len(allowed.get("sourceQueueArns", [])) == len(triggers)


@every_config
def test_failed_queue_when_made_keeps_events_for_14_days(config: Config) -> None:
    """What was given up stays for the longest time that SQS allows, longer than in the queue before."""
    queues = resources(config, "AWS::SQS::Queue")
    assert queues["FailedQueue"]["MessageRetentionPeriod"] == 14 * 24 * 3600
    assert all(queue["SqsManagedSseEnabled"] for queue in queues.values())
    assert all(queue["MessageRetentionPeriod"] < 14 * 24 * 3600 for name, queue in queues.items() if name != "FailedQueue")


@every_config
def test_queue_when_made_outlasts_six_timeouts_and_five_receives(config: Config) -> None:
    """Visibility timeout >= 6 x the function's timeout + batching window, at most 12 h; at least five receives; partial answers."""
    for trigger in resources(config, "AWS::Lambda::EventSourceMapping").values():
        queue = resources(config, "AWS::SQS::Queue")[trigger["EventSourceArn"]["Fn::GetAtt"][0]]
        window = trigger.get("MaximumBatchingWindowInSeconds", 0)
        assert 6 * config.function.timeout_s + window <= queue["VisibilityTimeout"] <= 12 * 3600
        assert queue["RedrivePolicy"]["maxReceiveCount"] >= 20
        assert "MaximumMessageSize" not in queue
        assert 1 <= trigger["BatchSize"] <= 10
        assert trigger["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert trigger["ScalingConfig"] == {"MaximumConcurrency": config.function.maximum_concurrency}


def test_direct_trigger_when_made_bounds_repeats_and_gives_up_to_the_failed_queue() -> None:
    """S3 may invoke for this bucket of this account only; two repeats; a failure destination; bounded concurrency."""
    direct = config("direct")
    permission = resources(direct, "AWS::Lambda::Permission")["InvokePermission"]
    assert permission["SourceArn"] == {"Fn::Sub": f"arn:${{AWS::Partition}}:s3:::{BUCKET}"}
    assert permission["SourceAccount"] == {"Ref": "AWS::AccountId"}
    (invoke,) = resources(direct, "AWS::Lambda::EventInvokeConfig").values()
    assert invoke["MaximumRetryAttempts"] == 2
    assert invoke["DestinationConfig"] == {"OnFailure": {"Destination": {"Fn::GetAtt": ["FailedQueue", "Arn"]}}}
    assert resources(direct, "AWS::Lambda::Function")["Function"]["ReservedConcurrentExecutions"] == 10
    assert "ReservedConcurrentExecutions" not in resources(config(), "AWS::Lambda::Function")["Function"]


@every_config
def test_notifications_when_made_go_to_one_target_and_never_overlap(config: Config) -> None:
    """S3 refuses filters of one event of which one is the start of another. What is restored is told of as what is created is."""
    notifications = resources(config, "AWS::S3::Bucket")["SourceBucket"]["NotificationConfiguration"]
    (targets,) = notifications.values()
    created, restored = ([target for target in targets if target["Event"] == event] for event in ("s3:ObjectCreated:*", "s3:ObjectRestore:Completed"))
    assert [target | {"Event": ""} for target in created] == [target | {"Event": ""} for target in restored]
    assert len(created) + len(restored) == len(targets)
    prefixes = [target["Filter"]["S3Key"]["Rules"][0]["Value"] if "Filter" in target else "" for target in created]
    assert not any(one != other and one.startswith(other) for one in prefixes for other in prefixes)
    assert len(prefixes) == len(set(prefixes))


@pytest.mark.parametrize("trigger", ["sqs", "direct"])
def test_notifications_of_as_many_routes_as_a_config_may_have_are_taken_by_s3(trigger: Literal["sqs", "direct"]) -> None:
    """A bucket has 100 of them, and each prefix needs two: one for content that is there, one for content that is restored."""
    many = replace(config(trigger), routes=[route(f"r{number}", f"in{number:02}/**") for number in range(ROUTES_MAX)])
    (configured,) = template(many)["Resources"]["SourceBucket"]["Properties"]["NotificationConfiguration"].values()
    assert len(configured) == 100


@pytest.mark.parametrize(
    ("patterns", "tables", "found"),
    [
        ([f"{'folder' * 4}-{number:02}/**" for number in range(45)], 1, ["a template of"]),
        ([f"{'folder' * 12}-{number:02}/**" for number in range(45)], 1, ["a template of", "a role's policy of"]),
        ([f"in/*-{'folder' * 12}-{number:02}.csv" for number in range(45)], 1, []),
        (["in/**"] * 30, 30, ["a template of"]),
    ],
)
def test_stack_that_aws_would_refuse_for_its_size_is_refused_before(patterns: list[str], tables: int, found: list[str]) -> None:
    """With what is too large, by how much, and what to do: routes that share a prefix need one notification and one line of the policy."""
    routes = [route(f"r{number}", pattern, f"t{number % tables}") for number, pattern in enumerate(patterns)]
    many = replace(config(), routes=routes, tables={f"t{number}": Table({"id": "string"}, name=f"orders-{number}") for number in range(tables)})
    problems: list[ConfigProblem] = []
    try:
        require_fit(many)
    except ConfigError as error:
        problems = error.problems
    assert [what in problem.found for what, problem in zip(found, problems, strict=True)] == [True] * len(found), problems
    assert all("share what is before their first `*`" in problem.hint for problem in problems)


@pytest.mark.parametrize(
    ("patterns", "prefixes"),
    [
        (["incoming/*.csv"], ["incoming/"]),
        (["incoming/2024-*.csv", "incoming/2025-*.csv"], ["incoming/2024-", "incoming/2025-"]),
        (["incoming/**", "incoming/orders/*.csv", "other/x.csv"], ["incoming/", "other/x.csv"]),
        (["a/*", "**.csv"], [""]),
        (["a/b*", "a/b*"], ["a/b"]),
        (["a b/*.csv", "caf\u00e9/*"], ["a", "caf"]),
        (["in/${aws:username}/*"], ["in/"]),
        (["in?/x"], ["in"]),
    ],
)
def test_source_prefixes_when_patterns_overlap_are_the_fewest_that_hold_all(patterns: list[str], prefixes: list[str]) -> None:
    """Every object of every route is announced once, by literal prefixes of plain characters."""
    routes = [route(f"r{at}", pattern) for at, pattern in enumerate(patterns)]
    assert names.source_prefixes(replace(config(), routes=routes)) == prefixes


@every_config
def test_alarms_when_made_say_what_they_mean_and_what_to_do(config: Config) -> None:
    """Each alarm has a meaning and a next step, is quiet without data, and notifies the topic if there is one."""
    alarms = resources(config, "AWS::CloudWatch::Alarm")
    expected = {"FailedEventsAlarm", "OldestEventAlarm", "ErrorsAlarm", "ThrottlesAlarm", "LoadsFailedAlarm", "RecordsRejectedAlarm"}
    expected |= {"SweepErrorsAlarm", "OldestWaitingAlarm"}
    assert set(alarms) >= expected
    for alarm in alarms.values():
        assert "Next: " in alarm["AlarmDescription"]
        assert len(alarm["AlarmDescription"]) <= 1024
        assert alarm["TreatMissingData"] == "notBreaching"
        assert alarm["AlarmActions"]["Fn::If"][0] == "HasAlarmTopic"


@every_config
def test_dashboard_when_made_is_json_of_known_metrics(config: Config) -> None:
    """Its body is JSON once the region is put in, and shows the failed queue and every route."""
    body = resources(config, "AWS::CloudWatch::Dashboard")["Dashboard"]["DashboardBody"]["Fn::Sub"]
    widgets = json.loads(body.replace("${AWS::Region}", "eu-central-1"))["widgets"]
    text = json.dumps(widgets)
    assert config.failed_queue in text
    assert (config.chunks_queue in text) is (config.source.trigger == "sqs")
    assert all(f'"{one.name}"' in text for one in config.routes)
    assert len({(widget["x"], widget["y"]) for widget in widgets}) == len(widgets)


@every_config
def test_function_when_made_writes_to_its_own_log_as_json(config: Config) -> None:
    """The log group exists before the function does, has a retention, and the role cannot make another."""
    function = resources(config, "AWS::Lambda::Function")["Function"]
    log = resources(config, "AWS::Logs::LogGroup")["LogGroup"]
    assert function["LoggingConfig"]["LogGroup"] == {"Ref": "LogGroup"}
    assert function["LoggingConfig"]["LogFormat"] == "JSON"
    assert log == {"LogGroupName": f"/aws/lambda/{function['FunctionName']}", "RetentionInDays": config.function.log_retention_days}
    assert (function["Runtime"], function["Handler"]) == ("python3.13", "headrace.handler.handler")
    assert function["Architectures"] == [config.function.architecture]


@every_config
def test_suppressions_when_made_give_their_reason(config: Config) -> None:
    """A scanner's finding is waived only with a written reason."""
    for resource in template(config)["Resources"].values():
        for skipped in resource.get("Metadata", {}).get("checkov", {}).get("skip", []):
            assert len(skipped["comment"]) > 30, skipped


@every_config
def test_readers_when_the_template_is_made_cover_every_type(config: Config) -> None:
    """Nothing is deployed that is not read back."""
    assert {one["Type"] for one in template(config)["Resources"].values()} <= set(READERS)


@every_config
def test_without_tls_only_when_applied_leaves_everything_else(config: Config) -> None:
    """Over plain HTTP only the TLS statements go, and the policies that said nothing else."""
    full, reduced = template(config)["Resources"], without_tls_only(template(config))["Resources"]
    assert "SecureTransport" not in json.dumps(reduced)
    gone = set(full) - set(reduced)
    assert gone - {"ChunksQueuePolicy"} == {"FailedQueuePolicy", "SourceBucketPolicy", "RejectsBucketPolicy"}
    assert ("ChunksQueuePolicy" in gone) is (config.source.trigger == "sqs")
    assert {name for name in reduced if reduced[name] != full[name]} <= {"QueuePolicy"}
    assert len(reduced["QueuePolicy"]["Properties"]["PolicyDocument"]["Statement"]) == 1 if "QueuePolicy" in reduced else True


def test_code_bucket_when_the_name_is_long_fits_s3() -> None:
    """A bucket's name has at most 63 characters, in lower case."""
    name = names.code_bucket(config(name="Acme-" + "x" * 60), "111122223333", "ap-southeast-2")
    assert len(name) <= 63
    assert name.endswith("-code-111122223333-ap-southeast-2")
    assert name == name.lower()
