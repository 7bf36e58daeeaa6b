"""A Parquet library that grows: each batch is one more shard, and counts from the moment the manifest names it."""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow.parquet as pq

from dosmith.atomic import replacing, write_text
from dosmith.errors import LibraryError
from dosmith.library import schema
from dosmith.library.shards import MANIFEST
from dosmith.library.store import ParquetLibrary
from dosmith.records import Material


class GrowingLibrary:
    """A library folder open for appending, by one process at a time; a new library begins with its first material.

    Args:
        folder: of the library.
        name: what people call it, when it is new.

    Raises:
        LibraryError: another process is adding to it, or its manifest or a shard is damaged.
    """

    def __init__(self, folder: str | Path, name: str = "the user's library") -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = open(self.folder / ".lock", "w")  # noqa: SIM115  held until close
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise LibraryError(f"another dosmith is adding to {self.folder}; wait until it has ended") from None
        try:
            self._manifest, self._ids = self._open(name)
        except BaseException:
            self._lock.close()
            raise

    def __contains__(self, identifier: object) -> bool:
        return identifier in self._ids

    def __len__(self) -> int:
        return len(self._ids)

    def append(self, materials: Sequence[Material]) -> None:
        """Add materials as one shard, whole or not at all; none is nothing.

        Raises:
            LibraryError: an id is there already, or twice among them.
        """
        new = [material.id for material in materials]
        if double := next((name for index, name in enumerate(new) if name in self._ids or name in new[:index]), None):
            raise LibraryError(f"the id '{double}' is already in {self.folder}; ids must be unique within a library")
        if not new:
            return
        content = io.BytesIO()
        pq.write_table(schema.to_table(materials), content, compression="zstd", compression_level=9)
        digest = hashlib.sha256(content.getbuffer()).hexdigest()
        shard = f"part-{len(self._manifest['shards']):04d}-{digest[:8]}.parquet"
        with replacing(self.folder / shard) as file:
            file.write(content.getbuffer())
        facts = {"rows": len(new), "bytes": len(content.getbuffer()), "sha256": digest}
        manifest = self._manifest | {
            "rows": self._manifest["rows"] + len(new),
            "shards": self._manifest["shards"] | {shard: facts},
        }
        self._write(manifest)
        self._manifest = manifest
        self._ids.update(new)

    def close(self) -> None:
        """Let others add."""
        self._lock.close()

    def __enter__(self) -> GrowingLibrary:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _open(self, name: str) -> tuple[dict[str, Any], set[str]]:
        """Manifest and ids of what is there."""
        if not (self.folder / MANIFEST).exists():
            return {"schema_version": schema.VERSION, "name": name, "rows": 0, "shards": {}}, set()
        opened = ParquetLibrary(self.folder)
        if opened.damaged:
            raise LibraryError(f"{self.folder} is damaged ({opened.damaged[0]}); restore it before more is added")
        return opened.manifest, set(opened.ids)

    def _write(self, manifest: dict[str, Any]) -> None:
        write_text(self.folder / MANIFEST, json.dumps(manifest, indent=1) + "\n")
