"""The transform of the case."""


def settled(record):
    """Only settled refunds, without the currency in the amount."""
    if record["state"] == "open":
        return None
    return record | {"amount": record["amount"].removesuffix(" EUR")}
