"""The function's zip, the CloudFormation template, and the stack."""
