"""Functions of the embedded AWS run as on Lambda: real processes, real limits, real permissions."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import botocore.exceptions
import pytest

from local.local_cloud import LOGS_ONLY, LocalCloud, wait_until, zipped

ECHO_PID = "import os\ndef handler(event, context):\n    return os.getpid()\n"


def test_context_in_a_function_is_lambdas_own(cloud: LocalCloud) -> None:
    """A handler sees the context object that Lambda documents, with the truth about itself."""
    name = cloud.deploy(
        "def handler(event, context):\n"
        "    return [event, context.function_name, context.invoked_function_arn, context.memory_limit_in_mb, context.aws_request_id,\n"
        "            context.log_group_name, context.log_stream_name, context.get_remaining_time_in_millis()]\n",
        MemorySize=256,
        Timeout=60,
    )
    event, function, arn, memory, request_id, group, stream, left_ms = cloud.invoke(name, {"ä": [1]})
    report = cloud.reports(name)[-1]
    assert (event, function, arn) == ({"ä": [1]}, name, f"arn:aws:lambda:us-east-1:111122223333:function:{name}")
    assert (int(memory), request_id, group, stream) == (256, report.request_id, f"/aws/lambda/{name}", report.log_stream)
    assert 15_000 < left_ms <= 60_000


def test_exception_in_a_function_is_reported_with_type_and_trace(cloud: LocalCloud) -> None:
    """An exception fails the invocation with its type and stack trace, and the process stays warm."""
    name = cloud.deploy("import os\ndef handler(event, context):\n    if event:\n        raise KeyError(event)\n    return os.getpid()\n")
    pid = cloud.invoke(name)
    error = cloud.failed(name, "lost")
    assert error["errorType"] == "KeyError"
    assert error["errorMessage"] == "'lost'"
    assert 'app.py", line 4, in handler' in str(error["stackTrace"])
    assert cloud.invoke(name) == pid


def test_process_after_an_invocation_stays_warm(cloud: LocalCloud) -> None:
    """One process serves one invocation after the other; only the first reports initialisation."""
    name = cloud.deploy(ECHO_PID)
    assert len({cloud.invoke(name) for _ in range(5)}) == 1
    assert [report.init_ms is None for report in cloud.reports(name)] == [False, True, True, True, True]


def test_concurrent_invocations_run_in_separate_processes(cloud: LocalCloud, tmp_path: Path) -> None:
    """Invocations at the same time never share a process: each waits until all three are there."""
    name = cloud.deploy(
        "import os, pathlib, time\n"
        "def handler(event, context):\n"
        "    (pathlib.Path(event) / context.aws_request_id).touch()\n"
        "    while len(os.listdir(event)) < 3:\n"
        "        time.sleep(0.02)\n"
        "    return os.getpid()\n"
    )
    with ThreadPoolExecutor(3) as pool:
        assert len(set(pool.map(lambda _: cloud.invoke(name, str(tmp_path)), range(3)))) == 3


def test_invocations_beyond_the_limit_wait_for_a_sandbox(cloud: LocalCloud) -> None:
    """More invocations than sandboxes all succeed, in no more processes than allowed."""
    name = cloud.deploy("import os, time\ndef handler(event, context):\n    time.sleep(0.3)\n    return os.getpid()\n")
    with ThreadPoolExecutor(14) as pool:
        assert len(set(pool.map(lambda _: cloud.invoke(name), range(14)))) <= 6


def test_timeout_of_a_function_kills_it(cloud: LocalCloud) -> None:
    """At the end of its time the process is killed and the next invocation gets a new one."""
    name = cloud.deploy("import os, time\ndef handler(event, context):\n    time.sleep(event)\n    return os.getpid()\n", Timeout=3)
    pid = cloud.invoke(name, 0)
    error = cloud.failed(name, 600)
    assert error["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 3.00 seconds" in error["errorMessage"]
    assert 3000 <= cloud.reports(name)[-1].duration_ms < 60_000
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert cloud.invoke(name, 0) != pid


def test_initialisation_longer_than_the_timeout_succeeds(cloud: LocalCloud) -> None:
    """The time limit counts from the handler's start: a slow import neither fails the invocation nor runs it twice."""
    name = cloud.deploy("import time\ntime.sleep(3.2)\ndef handler(event, context):\n    return 'ready'\n", Timeout=3)
    assert cloud.invoke(name) == "ready"
    (report,) = cloud.reports(name)
    assert report.init_ms
    assert report.init_ms > 3200
    assert report.duration_ms < 3000


def test_memory_beyond_the_limit_kills_the_function(cloud: LocalCloud) -> None:
    """A function that ever holds more than its memory size is killed, even if it gives it back."""
    name = cloud.deploy("def handler(event, context):\n    return len(b'x' * (event << 20))\n")
    assert cloud.invoke(name, 20) == 20 << 20
    assert cloud.failed(name, 200)["errorType"] == "Runtime.OutOfMemory"
    warm, killed = cloud.reports(name)
    assert warm.peak_mb
    assert killed.peak_mb
    assert 20 < warm.peak_mb <= 128 < killed.peak_mb
    assert cloud.invoke(name, 20)


def test_exit_during_an_invocation_is_an_error(cloud: LocalCloud) -> None:
    """A process that ends without an answer fails the invocation with its exit status."""
    name = cloud.deploy("import os\ndef handler(event, context):\n    os._exit(event) if event else None\n")
    assert cloud.failed(name, 7)["errorMessage"].endswith("Runtime exited with error: exit status 7")
    assert cloud.invoke(name) is None


def test_import_that_fails_is_an_init_error_every_time(cloud: LocalCloud) -> None:
    """A module that cannot be imported fails each invocation with the runtime's own error."""
    name = cloud.deploy("import a_module_that_is_missing\n")
    for _ in range(2):
        error = cloud.failed(name)
        assert error["errorType"] == "Runtime.ImportModuleError"
        assert "a_module_that_is_missing" in error["errorMessage"]


def test_answer_over_six_megabytes_is_refused(cloud: LocalCloud) -> None:
    """Lambda's payload limit holds: just below it passes, above it fails."""
    name = cloud.deploy("def handler(event, context):\n    return 'x' * event\n", MemorySize=512)
    assert len(cloud.invoke(name, 6 * 1024 * 1024 - 2)) == 6 * 1024 * 1024 - 2
    assert cloud.failed(name, 6 * 1024 * 1024)["errorType"] == "Function.ResponseSizeTooLarge"


def test_packages_of_this_machine_are_not_importable(cloud: LocalCloud) -> None:
    """A function has the standard library, the runtime client and its own code: what is missing in its zip is missing here too."""
    name = cloud.deploy(
        "import importlib.util, sys\n"
        "def handler(event, context):\n"
        "    return [[one for one in event if importlib.util.find_spec(one)], sys.prefix == sys.base_prefix]\n"
    )
    foreign = ["headrace", "boto3", "botocore", "yaml", "pip", "ministack", "guard", "sandbox"]
    assert cloud.invoke(name, [*foreign, "json", "app", "awslambdaric"]) == [["json", "app", "awslambdaric"], True]


def test_environment_of_a_function_is_its_own(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the caller's environment reaches a function; its own variables and those of Lambda do."""
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("HEADRACE_SECRET", "leaked")
    name = cloud.deploy("import os\ndef handler(event, context):\n    return dict(os.environ)\n", Environment={"Variables": {"STAGE": "test"}}, MemorySize=192)
    variables = cloud.invoke(name)
    assert not {"AWS_PROFILE", "HEADRACE_SECRET", "VIRTUAL_ENV"} & set(variables)
    assert variables["STAGE"] == "test"
    assert variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "192"
    assert variables["AWS_REGION"] == "us-east-1"
    assert variables["_HANDLER"] == "app.handler"
    assert variables["AWS_ENDPOINT_URL"] == cloud.aws.endpoint_url


def test_role_of_a_function_limits_what_it_may_do(cloud: LocalCloud) -> None:
    """A function acts with its role's temporary credentials, and IAM denies what the role does not allow."""
    bucket = "role-test"
    cloud.client("s3").create_bucket(Bucket=bucket)
    statement = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/in/*"}
    source = "import os\ndef handler(event, context):\n    return {name: os.environ[name] for name in os.environ if name.startswith('AWS_')}\n"
    name = cloud.deploy(source, statements=[*LOGS_ONLY, statement])
    credentials = cloud.invoke(name)
    assert credentials["AWS_SESSION_TOKEN"]
    assert ":assumed-role/" in cloud.make_client("sts", credentials).get_caller_identity()["Arn"]
    s3 = cloud.make_client("s3", credentials)
    s3.put_object(Bucket=bucket, Key="in/a", Body=b"")
    with pytest.raises(botocore.exceptions.ClientError, match="AccessDenied"):
        s3.put_object(Bucket=bucket, Key="out/a", Body=b"")


def test_redeployed_code_and_settings_take_effect_at_once(cloud: LocalCloud) -> None:
    """The next invocation after a change runs the new code with the new settings, in a new process."""
    source = "import os\ndef handler(event, context):\n    return [{version}, os.environ.get('STAGE'), os.getpid()]\n"
    name = cloud.deploy(source.format(version=1))
    first = cloud.invoke(name)
    cloud.client("lambda").update_function_code(FunctionName=name, ZipFile=zipped(source.format(version=2)))
    second = cloud.invoke(name)
    cloud.client("lambda").update_function_configuration(FunctionName=name, Environment={"Variables": {"STAGE": "live"}})
    third = cloud.invoke(name)
    assert [first[:2], second[:2], third[:2]] == [[1, None], [2, None], [2, "live"]]
    assert len({first[2], second[2], third[2]}) == 3
    for pid in (first[2], second[2]):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_function_that_the_host_cannot_run_fails_with_the_reason(cloud: LocalCloud) -> None:
    """What goes wrong in the host itself is an error answer and a problem told, never a false success."""
    name = cloud.deploy(ECHO_PID)
    arn = cloud.client("lambda").get_function_configuration(FunctionName=name)["Role"]
    cloud.client("iam").delete_role_policy(RoleName=arn.rpartition("/")[2], PolicyName="all")
    cloud.client("iam").delete_role(RoleName=arn.rpartition("/")[2])
    response = cloud.client("lambda").invoke(FunctionName=name)
    assert response["FunctionError"] == "Unhandled"
    assert "sts:AssumeRole" in json.load(response["Payload"])["errorMessage"]
    assert [problem for problem in cloud.problems if name in problem]


def test_function_without_code_fails(cloud: LocalCloud) -> None:
    """A stack whose code object is missing deploys on the emulator, but its function fails instead of answering a mock."""
    name = next(cloud.names)
    code = {"S3Bucket": "no-such-bucket", "S3Key": "no-such.zip"}
    properties = {"FunctionName": name, "Runtime": "python3.11", "Handler": "app.handler", "Role": cloud.role(LOGS_ONLY), "Code": code}
    template = {"Resources": {"Function": {"Type": "AWS::Lambda::Function", "Properties": properties}}}
    cloud.client("cloudformation").create_stack(StackName="without-code", TemplateBody=json.dumps(template))
    wait_until(lambda: cloud.client("cloudformation").describe_stacks(StackName="without-code")["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE")
    response = cloud.client("lambda").invoke(FunctionName=name)
    assert response["FunctionError"] == "Unhandled"
    assert "FUNCTION_CODE_MISSING" in json.load(response["Payload"])["errorMessage"]


def test_alias_of_a_version_runs_that_version(cloud: LocalCloud) -> None:
    """An alias runs the code of its version, not the newest, and the handler sees the ARN that was called."""
    source = "def handler(event, context):\n    return [{answer}, context.function_version, context.invoked_function_arn]\n"
    name = cloud.deploy(source.format(answer=1))
    version = cloud.client("lambda").publish_version(FunctionName=name)["Version"]
    arn = cloud.client("lambda").create_alias(FunctionName=name, Name="live", FunctionVersion=version)["AliasArn"]
    assert cloud.invoke(f"{name}:live") == [1, version, arn]
    cloud.client("lambda").update_function_code(FunctionName=name, ZipFile=zipped(source.format(answer=2)))
    assert cloud.invoke(name)[:2] == [2, "$LATEST"]
    assert cloud.invoke(f"{name}:live") == [1, version, arn]


def test_asynchronous_event_that_fails_is_retried(cloud: LocalCloud) -> None:
    """An asynchronous invocation is tried three times."""
    name = cloud.deploy("def handler(event, context):\n    raise ValueError(event)\n")
    cloud.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=b"1")
    wait_until(lambda: len(cloud.reports(name)) == 3)
    assert {report.status for report in cloud.reports(name)} == {"error"}
