"""What the host knows about a function: checked, fetched once, with credentials that last long enough."""

from __future__ import annotations

import base64
import hashlib
import http.client
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from headrace.errors import HeadraceError
from headrace.local.functions import Functions
from headrace.local.runtime_api import ROOT, Invocation, RuntimeApi
from local.local_cloud import wait_until


class OneFunction:
    """A Lambda client with one function whose code object is missing."""

    def __init__(self, **traits: object) -> None:
        self.found: dict[str, Any] = {
            "FunctionName": "f",
            "Runtime": "python3.13",
            "Handler": "app.handler",
            "Role": "arn:role",
            "CodeSha256": base64.b64encode(hashlib.sha256(b"").digest()).decode(),
        } | traits

    def get_function_configuration(self, **_names: str) -> dict[str, Any]:
        return self.found

    def get_function(self, **_names: str) -> dict[str, Any]:
        return {"Configuration": self.found}


class Sessions:
    """An STS client whose sessions last ``rest``."""

    def __init__(self, rest: timedelta) -> None:
        self.rest = rest
        self.count = 0

    def assume_role(self, **_request: object) -> dict[str, Any]:
        self.count += 1
        key = f"KEY{self.count}"
        return {"Credentials": {"AccessKeyId": key, "SecretAccessKey": "s", "SessionToken": "t", "Expiration": datetime.now(UTC) + self.rest}}


@pytest.mark.parametrize(("timeout_s", "minutes", "sessions"), [(3, 60, 1), (3, 4, 2), (900, 16, 1), (900, 14, 2)])
def test_role_session_that_could_end_during_an_invocation_is_renewed(tmp_path: Path, timeout_s: int, minutes: int, sessions: int) -> None:
    """A session is used again only if it outlasts the function's longest run, and five minutes in any case."""
    sts = Sessions(timedelta(minutes=minutes))
    function = OneFunction(Timeout=timeout_s)
    (tmp_path / "f" / hashlib.sha256(function.found["CodeSha256"].encode()).hexdigest()[:16]).mkdir(parents=True)
    functions = Functions(function, sts, tmp_path, {"AWS_REGION": "us-east-1"})
    specs = [functions.spec("f", "$LATEST") for _ in range(2)]
    assert sts.count == sessions
    assert [spec.credentials["AWS_ACCESS_KEY_ID"] for spec in specs] == ["KEY1", f"KEY{sessions}"]
    assert (specs[0] == specs[1]) == (sessions == 1)


@pytest.mark.parametrize("traits", [{"Layers": [{"Arn": "arn:layer"}]}, {"PackageType": "Image"}, {"Runtime": "nodejs24.x"}])
def test_function_that_cannot_run_here_is_refused(tmp_path: Path, traits: dict[str, object]) -> None:
    """What the host does not imitate is an error that says so, never a run without it."""
    with pytest.raises(HeadraceError, match="only Python in a zip runs locally") as caught:
        Functions(OneFunction(**traits), Sessions(timedelta(hours=1)), tmp_path, {}).spec("f", "$LATEST")
    assert caught.value.code == "FUNCTION_UNSUPPORTED"


def test_code_that_is_not_what_was_deployed_is_refused(tmp_path: Path) -> None:
    """Code whose hash is not that of the configuration never runs."""
    with pytest.raises(HeadraceError) as caught:
        Functions(OneFunction(CodeSha256="other"), Sessions(timedelta(hours=1)), tmp_path, {}).spec("f", "$LATEST")
    assert caught.value.code == "FUNCTION_CODE_MISSING"


def test_answer_for_another_request_is_refused() -> None:
    """A late answer to an earlier request cannot become the answer of this one."""
    api = RuntimeApi()
    api.offer(Invocation("now", b"{}", "arn"), 3)
    connection = http.client.HTTPConnection(api.address)
    for path, status in (("invocation/before/response", 400), ("invocation/now/response", 202), ("unknown", 404)):
        connection.request("POST", ROOT + path, b"1")
        response = connection.getresponse()
        response.read()
        assert response.status == status
    connection.close()
    message = wait_until(api.take)
    assert (message.kind, message.body, api.take()) == ("response", b"1", None)
    api.close()
