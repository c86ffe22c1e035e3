"""The only package that imports botocore: clients behind the contracts of headrace.ports."""
