"""A folder whose files become objects: what is saved there is uploaded under its path."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from headrace.config.match import literal_prefix
from headrace.config.model import Config

Stamp = tuple[int, int]
"""Size and modification time of a file."""


class DropFolder:
    """Uploads each file below ``folder`` once for each state of it, as soon as two looks in a row find it unchanged.

    The object's key is the path below the folder. Folders for the routes are made when the DropFolder is.
    """

    def __init__(self, folder: Path, config: Config, upload: Callable[[str, Path], None]) -> None:
        self.folder = folder
        self._upload = upload
        self._seen: dict[Path, Stamp] = {}
        self._uploaded: dict[Path, Stamp] = {}
        folder.mkdir(parents=True, exist_ok=True)
        for route in config.routes:
            (folder / literal_prefix(route.match).rpartition("/")[0]).mkdir(parents=True, exist_ok=True)

    def look(self) -> list[str]:
        """Upload what came to rest since the last look; returns the keys. Files that are gone again, or cannot be read, are left out."""
        keys = []
        seen = dict(self._files())
        for path, stamp in seen.items():
            if self._seen.get(path) == stamp and self._uploaded.get(path) != stamp:
                key = path.relative_to(self.folder).as_posix()
                with suppress(OSError):
                    self._upload(key, path)
                    keys.append(key)
                self._uploaded[path] = stamp
        self._seen = seen
        return keys

    def _files(self) -> Iterator[tuple[Path, Stamp]]:
        for path in sorted(self.folder.rglob("*")):
            with suppress(OSError, UnicodeError):  # UnicodeError: a name that is not UTF-8 can be no key
                if path.as_posix().encode() and path.is_file() and not path.name.startswith("."):
                    status = path.stat()
                    yield path, (status.st_size, status.st_mtime_ns)
