"""Deploying for real, to MiniStack: what it cannot do is written down here as what the read-back finds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from deploy.deploy_samples import BUCKET, config, route
from deploy.ministack_server import MiniStack
from headrace.config.model import Config, Function, Table
from headrace.deploy import data
from headrace.deploy.changeset import Event
from headrace.deploy.names import Clients
from headrace.deploy.package import Package, build
from headrace.deploy.readback import readback, repair
from headrace.deploy.stack import deploy, destroy, diff, outputs
from headrace.deploy.verify import verify_function
from headrace.errors import HeadraceError

OVER_HTTP = {
    ("FailedQueuePolicy", "PolicyDocument.TlsOnly"),
    ("SourceBucketPolicy", "PolicyDocument.TlsOnly"),
    ("RejectsBucketPolicy", "PolicyDocument.TlsOnly"),
}
QUEUE_OVER_HTTP = OVER_HTTP | {
    ("QueuePolicy", "PolicyDocument.TlsOnly"),
    ("ChunksQueuePolicy", "PolicyDocument.TlsOnly"),
    ("FunctionRole", "Policies.load.SendChunks"),  # MiniStack alone asks for sqs:SendMessageBatch
    ("SweeperRole", "Policies.sweep.SendChunks"),
    ("SweeperRole", "Policies.sweep.TellOfObjects"),
}
DROPPED = {
    ("TableOrders", "PointInTimeRecoverySpecification"),
    ("TableOrders", "SSESpecification"),
    ("TableOrders", "TimeToLiveSpecification"),
    ("LedgerTable", "PointInTimeRecoverySpecification"),
    ("LedgerTable", "SSESpecification"),
    ("LedgerTable", "TimeToLiveSpecification"),
    ("SourceBucket", "LifecycleConfiguration"),
    ("SourceBucket", "Tags"),
    ("RejectsBucket", "LifecycleConfiguration"),
    ("RejectsBucket", "Tags"),
}
"""What MiniStack 1.5.33's CloudFormation leaves out and its services can do."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MiniStack]:
    started = MiniStack(tmp_path_factory.mktemp("ministack"))
    yield started
    started.stop()


@pytest.fixture
def clients(server: MiniStack) -> Clients:
    server.reset()
    return server.clients()


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    folder = tmp_path_factory.mktemp("package")
    return build(config(), folder, folder / "f.zip")


def gaps(config: Config, clients: Clients) -> set[tuple[str, str]]:
    return {(gap.resource, gap.property) for gap in readback(config, clients)}


def deployed(config: Config, package: Package, clients: Clients) -> Config:
    deploy(config, package, clients)
    repair(config, readback(config, clients), clients)
    return config


def test_deploy_when_new_creates_everything_and_tells_each_step(package: Package, clients: Clients) -> None:
    """The change set names every resource, progress tells of each, and the outputs say where to upload."""
    events: list[Event] = []
    done = deploy(config(), package, clients, progress=events.append)
    assert done.created
    assert {change.action for change in done.changes} == {"Add"}
    assert {change.resource for change in done.changes} <= {event.resource for event in events}
    assert done.outputs["SourceBucket"] == BUCKET
    assert done.outputs["TableNames"] == "orders"
    assert outputs(config(), clients) == done.outputs


def test_deploy_when_repeated_changes_nothing(package: Package, clients: Clients) -> None:
    """The same config and code is no change, and the zip is not uploaded twice."""
    deploy(config(), package, clients)
    again = deploy(config(), package, clients)
    assert not again.created
    assert again.changes == ()
    versions = clients("s3").list_object_versions(Bucket="acme-code-111122223333-us-east-1")["Versions"]
    assert [version["Key"] for version in versions] == [f"acme/{package.sha256}.zip"]


def test_deploy_when_the_config_changed_updates_these_resources(package: Package, clients: Clients) -> None:
    """Timeout and prefix change the function, its queue, its role and the notification, and are there when read back."""
    deploy(config(), package, clients)
    changed = replace(config(), function=Function(timeout_s=60), routes=[route(match="other/*.csv")])
    before = diff(changed, package, clients)
    done = deploy(changed, package, clients)
    assert {change.resource for change in done.changes} >= {"Function", "Queue", "SourceBucket", "FunctionRole"}
    assert {(change.action, change.resource) for change in before} == {(change.action, change.resource) for change in done.changes}
    assert gaps(changed, clients) <= QUEUE_OVER_HTTP | DROPPED


def test_diff_when_nothing_is_deployed_leaves_nothing_behind(package: Package, clients: Clients) -> None:
    """A look at the changes makes no stack, no bucket and no table."""
    assert {change.action for change in diff(config(), package, clients)} == {"Add"}
    assert clients("s3").list_buckets()["Buckets"] == []
    assert clients("dynamodb").list_tables()["TableNames"] == []
    with pytest.raises(HeadraceError, match="does not exist"):
        readback(config(), clients)


def test_readback_when_ministack_dropped_properties_names_exactly_these(package: Package, clients: Clients) -> None:
    """Everything else of the template is as it was written."""
    deploy(config(), package, clients)
    assert gaps(config(), clients) == QUEUE_OVER_HTTP | DROPPED


def test_readback_when_direct_finds_the_dropped_concurrency_too(package: Package, clients: Clients) -> None:
    """The second trigger: permission, failure destination and notification are right, the reservation is dropped and mended."""
    direct = config("direct")
    deploy(direct, package, clients)
    assert gaps(direct, clients) == OVER_HTTP | DROPPED | {("Function", "ReservedConcurrentExecutions")}
    repaired = repair(direct, readback(direct, clients), clients)
    assert {(gap.resource, gap.property) for gap in repaired if not gap.repaired} == OVER_HTTP
    assert gaps(direct, clients) == OVER_HTTP


def test_repair_when_done_leaves_only_the_tls_statements(package: Package, clients: Clients) -> None:
    """What the services can do is set through them; what plain HTTP forbids stays a named gap."""
    deploy(config(), package, clients)
    found = repair(config(), readback(config(), clients), clients)
    assert {(gap.resource, gap.property) for gap in found if gap.repaired} == DROPPED
    assert gaps(config(), clients) == QUEUE_OVER_HTTP


def test_readback_when_somebody_changed_resources_finds_the_drift(package: Package, clients: Clients) -> None:
    """A shorter timeout, a lost notification, a wider role, a deleted alarm: each is named."""
    deployed(config(), package, clients)
    url = outputs(config(), clients)["QueueUrl"]
    clients("sqs").set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "30"})
    clients("s3").put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration={})
    alarms = [one["AlarmName"] for one in clients("cloudwatch").describe_alarms()["MetricAlarms"]]
    clients("cloudwatch").delete_alarms(AlarmNames=[name for name in alarms if "-ErrorsAlarm" in name])
    role = clients("lambda").get_function_configuration(FunctionName="acme-loader")["Role"].rpartition("/")[2]
    wide = '{"Version": "2012-10-17", "Statement": [{"Sid": "Wide", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'
    clients("iam").put_role_policy(RoleName=role, PolicyName="extra", PolicyDocument=wide)
    assert gaps(config(), clients) - QUEUE_OVER_HTTP == {
        ("Queue", "VisibilityTimeout"),
        ("SourceBucket", "NotificationConfiguration"),
        ("ErrorsAlarm", ""),
        ("FunctionRole", "Policies.extra.Wide"),
    }


def test_verify_function_when_deployed_gets_a_proper_answer(package: Package, clients: Clients) -> None:
    """The deployed zip starts and acknowledges S3's test event."""
    deployed(config(), package, clients)
    verify_function(config(), clients)


def test_destroy_when_asked_for_the_stack_keeps_the_data(package: Package, clients: Clients) -> None:
    """Buckets and tables stay and are named; the zips go; a second time does no harm."""
    deployed(config(), package, clients)
    clients("s3").put_object(Bucket=BUCKET, Key="kept.csv", Body=b"1")
    done = destroy(config(), clients)
    assert done.deleted == ()
    assert sorted(done.retained) == [BUCKET, f"{BUCKET}-rejects", "acme-ledger", "orders"]
    assert clients("s3").get_object(Bucket=BUCKET, Key="kept.csv")["Body"].read() == b"1"
    assert [one["Name"] for one in clients("s3").list_buckets()["Buckets"]] == [BUCKET, f"{BUCKET}-rejects"]
    assert destroy(config(), clients) == done


def test_waiting_tells_which_queues_hold_messages_and_a_change_of_trigger_which_go(package: Package, clients: Clients) -> None:
    """A queue that is empty, or not there, is left out."""
    names = ["acme-chunks", "acme-failed"]  # the queue of events holds the test event of S3
    assert data.waiting(clients, names) == {}
    deployed(config(), package, clients)
    assert data.waiting(clients, names) == {}
    for number in range(3):
        clients("sqs").send_message(QueueUrl=outputs(config(), clients)["FailedQueueUrl"], MessageBody=str(number))
    clients("sqs").receive_message(QueueUrl=outputs(config(), clients)["FailedQueueUrl"])
    assert data.waiting(clients, names) == {"acme-failed": 3}
    assert data.queues_removed(config(), clients) == []
    assert data.queues_removed(config("direct"), clients) == ["acme-chunks", "acme-events"]


def test_destroy_when_asked_for_the_data_deletes_all_versions(package: Package, clients: Clients) -> None:
    """With delete_data nothing remains, whether the stack is still there or went before."""
    deployed(config(), package, clients)
    for body in (b"1", b"2"):
        clients("s3").put_object(Bucket=BUCKET, Key="a.csv", Body=body)
    clients("s3").delete_object(Bucket=BUCKET, Key="a.csv")
    done = destroy(config(), clients, delete_data=True)
    assert (sorted(done.deleted), done.retained) == ([BUCKET, f"{BUCKET}-rejects", "acme-ledger", "orders"], ())
    assert clients("s3").list_buckets()["Buckets"] == []
    deployed(config(), package, clients)
    destroy(config(), clients)
    assert len(destroy(config(), clients, delete_data=True).deleted) == 4


def test_deploy_when_data_was_left_behind_takes_it_in_and_sets_it_anew(package: Package, clients: Clients) -> None:
    """After destroy the same stack comes back around its data, with the notification of the new config."""
    deployed(config(), package, clients)
    key = {"customer": {"S": "c"}, "placed": {"N": "1"}}
    clients("dynamodb").put_item(TableName="orders", Item=key)
    destroy(config(), clients)
    changed = replace(config(), routes=[route(match="other/*.csv")])
    done = deploy(changed, package, clients)
    assert done.created
    assert clients("dynamodb").get_item(TableName="orders", Key=key)["Item"] == key
    assert ("SourceBucket", "NotificationConfiguration") not in gaps(changed, clients)


def test_deploy_when_a_table_is_left_behind_by_this_stack_takes_it_in_again(package: Package, clients: Clients) -> None:
    """A table that went out of the config and comes back joins the stack that is there."""
    two = replace(config(), tables={**config().tables, "extra": Table({"id": "string"})})
    deployed(two, package, clients)
    deploy(config(), package, clients)
    done = deploy(two, package, clients)
    assert not done.created
    assert ("TableExtra", "") not in gaps(two, clients)


def test_deploy_when_a_bucket_or_table_is_somebody_elses_refuses(package: Package, clients: Clients) -> None:
    """A bucket without this stack's mark is never taken over, because its notifications would be replaced."""
    clients("s3").create_bucket(Bucket=BUCKET)
    with pytest.raises(HeadraceError, match=BUCKET) as caught:
        deploy(config(), package, clients)
    assert caught.value.code == "DATA_EXISTS"
    with pytest.raises(HeadraceError):
        diff(config(), package, clients)
    assert destroy(config(), clients, delete_data=True).deleted == ()
    assert [one["Name"] for one in clients("s3").list_buckets()["Buckets"]] == [BUCKET]


def test_deploy_when_a_resource_fails_names_it_and_can_be_repeated(package: Package, clients: Clients) -> None:
    """The error carries resource and reason; after the cause is gone the same command works."""
    broken = replace(config(), function=Function(timeout_s=90_000))
    with pytest.raises(HeadraceError, match=r"Queue \(AWS::SQS::Queue\)") as caught:
        deploy(broken, package, clients)
    assert caught.value.code == "STACK_FAILED"
    assert deploy(config(), package, clients).changes
