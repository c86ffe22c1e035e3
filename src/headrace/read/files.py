"""Files of this machine as objects, so that the command line runs the same path as the function."""

from __future__ import annotations

import os
from pathlib import Path

from headrace.errors import ObjectError
from headrace.ports import ObjectRef, OpenedObject


class FileStore:
    """An ObjectStore over the file system: ``bucket`` is empty, ``key`` a path. The eTag is size and modification time."""

    def open(self, ref: ObjectRef, offset: int) -> OpenedObject:
        path = Path(ref.key)
        try:
            body = path.open("rb", buffering=0)
            status = os.fstat(body.fileno())
        except OSError as error:
            reason = error.strerror or str(error)
            raise ObjectError("OBJECT_MISSING", f"{path}: {reason}", object=str(path), hint="check the path and the file's permissions") from None
        etag = f"{status.st_size}-{status.st_mtime_ns}"
        if ref.etag is not None and ref.etag != etag:
            body.close()
            raise ObjectError("OBJECT_CHANGED", f"{path} changed while it was read", object=str(path), hint="load it again")
        body.seek(offset)
        return OpenedObject(body, status.st_size, etag, None)
