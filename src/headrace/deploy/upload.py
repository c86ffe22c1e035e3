"""The bucket that holds the function's zips, one object per content."""

from __future__ import annotations

import json
from typing import Any

from headrace.config.model import Config
from headrace.deploy import names, policy, services
from headrace.deploy.names import Clients, Json
from headrace.deploy.package import Package


def code_key(config: Config, package: Package) -> str:
    """Key of the zip. It holds the content's hash, so a changed zip is a change that CloudFormation sees, and an unchanged one is not."""
    return f"{config.name}/{package.sha256}.zip"


def upload(config: Config, package: Package, clients: Clients) -> str:
    """Put the zip into the code bucket, which is made if it is missing, unless it is there; returns the bucket's name."""
    s3, owner = clients("s3"), services.account(clients)
    bucket = names.code_bucket(config, owner, services.region(clients))
    # The expected owner refuses a bucket that somebody else made under this foreseeable name.
    if services.find(s3, "head_bucket", Bucket=bucket, ExpectedBucketOwner=owner) is None:
        _create(s3, bucket, clients)
        services.call(s3, "put_bucket_tagging", Bucket=bucket, ExpectedBucketOwner=owner, Tagging={"TagSet": [_tag(config)]})
    key = code_key(config, package)
    if services.find(s3, "head_object", Bucket=bucket, Key=key, ExpectedBucketOwner=owner) is None:
        with package.path.open("rb") as content:
            services.call(s3, "put_object", Bucket=bucket, Key=key, Body=content, ExpectedBucketOwner=owner)
    return bucket


def _create(s3: Any, bucket: str, clients: Clients) -> None:
    """A private bucket: versioned, encrypted, nothing public, TLS only (not over plain HTTP, where that would shut out everybody)."""
    region = services.region(clients)
    place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    services.call(s3, "create_bucket", Bucket=bucket, **place)
    blocked = dict.fromkeys(("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True)
    services.call(s3, "put_public_access_block", Bucket=bucket, PublicAccessBlockConfiguration=blocked)
    services.call(s3, "put_bucket_versioning", Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    encryption = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
    services.call(s3, "put_bucket_encryption", Bucket=bucket, ServerSideEncryptionConfiguration=encryption)
    if not services.is_plain_http(clients):
        arn = f"arn:{s3.meta.partition}:s3:::{bucket}"
        document = policy.document([policy.tls_only("s3:*", [arn, f"{arn}/*"])])
        services.call(s3, "put_bucket_policy", Bucket=bucket, Policy=json.dumps(document))


def _tag(config: Config) -> Json:
    return {"Key": names.OWNER_TAG, "Value": config.name}
