"""Who we are and where AWS is: credentials, region and endpoints, all from botocore."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Mapping
from typing import Any

import botocore.session
from botocore.config import Config as ClientConfig
from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import get_cert_path

from headrace.aws.errors import translated
from headrace.aws.objects import S3Objects, S3Rejects
from headrace.aws.signing import Credentials
from headrace.aws.table import Table
from headrace.errors import ServiceError, Unavailable
from headrace.ports import Clock

REGION = {"region": ("region", ["AWS_REGION", "AWS_DEFAULT_REGION"], None, None)}
"""botocore alone reads AWS_DEFAULT_REGION only; every other SDK, and Lambda, goes by AWS_REGION first."""

NOBODYS = dict.fromkeys(("config_file", "credentials_file"), (None, None, "/dev/null", None)) | {"profile": (None, None, None, None)}
"""botocore's session variables for a session that must not see the configuration of the user of this machine."""


class Aws:
    """Clients of one account and region, made once and usable from several threads.

    ``endpoint_url`` replaces AWS's endpoints, ``owner`` is the account that must own the buckets; the standard AWS variables work too.
    With ``credentials``, given as those variables, nothing else of the user's own configuration counts.
    """

    def __init__(
        self,
        *,
        endpoint_url: str | None = None,
        region: str | None = None,
        profile: str | None = None,
        owner: str | None = None,
        credentials: Mapping[str, str] | None = None,
    ) -> None:
        self._session = botocore.session.Session(profile=profile, session_vars=REGION | (NOBODYS if credentials else {}))
        if credentials:
            self._session.set_credentials(credentials["AWS_ACCESS_KEY_ID"], credentials["AWS_SECRET_ACCESS_KEY"], credentials.get("AWS_SESSION_TOKEN"))
        if region:
            self._session.set_config_variable("region", region)
        self._endpoint_url = endpoint_url
        self._owner = owner
        self._clients: dict[tuple[str, int], Any] = {}
        self._lock = threading.Lock()  # botocore's clients are safe to share, making them is not

    def client(self, service: str, *, attempts: int = 4) -> Any:
        """A botocore client, made once for each service. ``attempts`` counts the first; reading and writing records use their own loops."""
        with self._lock:
            if (service, attempts) not in self._clients:
                self._clients[service, attempts] = self._made(service, attempts)
            return self._clients[service, attempts]

    def _made(self, service: str, attempts: int) -> Any:
        config = ClientConfig(
            retries={"total_max_attempts": attempts, "mode": "standard"},
            connect_timeout=5,
            read_timeout=20,  # less than the margin that the function keeps for itself, and the most that a hanging endpoint can cost
            max_pool_connections=32,
            s3={"addressing_style": "path" if self._endpoint_url else "auto"},
            response_checksum_validation="when_required",  # ranged reads carry no checksum of their own; length and version are checked instead
        )
        try:
            return self._session.create_client(service, endpoint_url=self._endpoint_url, config=config)
        except BotoCoreError as error:
            raise translated(error, service, "client") from None

    @property
    def region(self) -> str:
        """The region in force. Raises ServiceError REGION_MISSING."""
        region = self._session.get_config_variable("region")
        if not region:
            raise ServiceError("REGION_MISSING", "no AWS region found", hint="set AWS_REGION or --region")
        return str(region)

    def objects(self) -> S3Objects:
        """The account's objects, for reading; one attempt each."""
        return S3Objects(self.client("s3", attempts=1), self._owner)

    def rejects(self, bucket: str) -> S3Rejects:
        """The bucket of rejected records."""
        return S3Rejects(self.client("s3"), bucket, self._owner)

    def change_visibility(self, queue_arn: str, receipt_handle: str, seconds: int) -> None:
        """Have SQS deliver a received message again in ``seconds``. Raises HeadraceError."""
        sqs = self.client("sqs")
        try:
            sqs.change_message_visibility(QueueUrl=_queue_url(sqs, queue_arn), ReceiptHandle=receipt_handle, VisibilityTimeout=seconds)
        except (ClientError, BotoCoreError) as error:
            raise translated(error, "sqs:ChangeMessageVisibility", queue_arn) from None

    def send_message(self, beside: str, queue: str, body: str, *, reason: str) -> None:
        """Put a message into ``queue``, of the account and region of the queue whose ARN is ``beside``, with the reason as an attribute.

        Raises HeadraceError.
        """
        sqs = self.client("sqs")
        arn = f"{beside.rpartition(':')[0]}:{queue}"
        attributes = {"Reason": {"DataType": "String", "StringValue": reason.encode("ascii", "backslashreplace").decode()[:1000]}}
        try:
            sqs.send_message(QueueUrl=_queue_url(sqs, arn), MessageBody=body, MessageAttributes=attributes)
        except (ClientError, BotoCoreError) as error:
            raise translated(error, "sqs:SendMessage", arn) from None

    def table(self, name: str, clock: Clock) -> Table:
        """A table, for writing."""
        endpoint = self.client("dynamodb").meta.endpoint_url
        tls = None
        if endpoint.startswith("https:"):
            tls = ssl.create_default_context(cafile=self._session.get_config_variable("ca_bundle") or get_cert_path(True))
        return Table(name, endpoint, region=self.region, credentials=self._credentials(), clock=clock, tls=tls)

    def _credentials(self) -> Any:
        found = self._session.get_credentials()
        if found is None:
            raise ServiceError("CREDENTIALS_MISSING", "no AWS credentials found", hint="set AWS_PROFILE or the AWS_… variables")

        def frozen() -> Credentials:
            try:
                now = found.get_frozen_credentials()  # refreshes what is about to expire, safely from several threads
            except ClientError as error:
                raise translated(error, "sts:AssumeRole", "the credentials' role") from None
            except BotoCoreError as error:
                raise Unavailable("CREDENTIALS_UNAVAILABLE", f"the credentials could not be refreshed: {error}") from None
            return Credentials(now.access_key, now.secret_key, now.token or "")

        return frozen


def _queue_url(sqs: Any, arn: str) -> str:
    _, _, _, _, account, name = arn.split(":")
    return f"{sqs.meta.endpoint_url}/{account}/{name}"
