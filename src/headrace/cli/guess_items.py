"""Text that holds items as DynamoDB writes them: an export or a scan in DynamoDB JSON, or Ion. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

from headrace.config.model import Format
from headrace.errors import ObjectError

OPERATION = "$operation"
"""The column for the operations of an incremental export in a route that is guessed: no attribute should be called so."""
_TYPED = r'\{\s*"(?:[^"\\]|\\.)*+"\s*:\s*\{\s*"(?:S|N|B|BOOL|NULL|L|M|SS|NS|BS)"\s*:'
_ITEM = re.compile(rf'\s*\{{\s*"Item"\s*:\s*{_TYPED}')
_CHANGE = re.compile(r'\s*\{\s*"Metadata"\s*:\s*\{\s*"WriteTimestampMicros"')
_SCAN = re.compile(rf'\s*\{{\s*(?:"(?:Count|ScannedCount)"\s*:\s*\d+\s*,\s*)*"Items"\s*:\s*\[\s*{_TYPED}')
_ION = re.compile(r"\s*(?:\$ion_1_0\s|\{\s*(?:Item|Record)\s*:\s*\{)")
_ION_CHANGE = re.compile(r"\s*(?:\$ion_1_0\s*)?\{\s*(?:Record\s*:\s*\{\s*)?(?:Keys|Metadata)\s*:\s*\{")
_ION_STRUCT = re.compile(r"\s*\{\s*[A-Za-z_$][\w$]*+\s*:")
_MANIFEST = re.compile(r'\s*\{[^{}\[\]]*"(?:dataFileS3Key|manifestFilesS3Key)"\s*:')


class Items(NamedTuple):
    """The format, whether it is certain, why, and whether the records are changes of an incremental export."""

    format: Format
    is_certain: bool
    reason: str
    is_change: bool = False


def items_of(text: str) -> Items | None:
    """What ``text``, the beginning of a file, has of DynamoDB's items, None if nothing. Raises ObjectError FORMAT_UNEXPECTED for an export's manifest."""
    if _MANIFEST.match(text):
        message = "found the manifest of an export of DynamoDB, which holds no items"
        raise ObjectError("FORMAT_UNEXPECTED", message, hint="name manifest-summary.json in `headrace load` or `preview`, under that name, or one data file")
    if _ITEM.match(text):
        return Items("dynamodb_json", True, 'its records are {"Item": …} with typed values')
    if _CHANGE.match(text):
        return Items("dynamodb_json", True, "its records are changes of an incremental export", is_change=True)
    if _SCAN.match(text):
        return Items("dynamodb_json", True, "it is the output of a scan, with typed values")
    if _ION_CHANGE.match(text):
        return Items("ion", True, "its records are changes of an incremental export in Ion", is_change=True)
    if _ION.match(text):
        return Items("ion", True, "it begins as Ion text does")
    return Items("ion", False, "names of members have no quotes") if _ION_STRUCT.match(text) else None
