"""Content-addressed files: a blob lies at ``aa/bb/<SHA-256>`` and never changes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from archivist.api.errors import StoreError
from archivist.hashing import digest_bytes, digest_file
from archivist.store.atomic import commit, make_folder, replacing, staged

_DIGEST = re.compile(r"[0-9a-f]{64}")
_BLOCK = 1 << 20


class BlobStore:
    """A folder of blobs, each named by the SHA-256 (hex) of its content.

    Any number of processes may write at once: equal content has one name and each file appears
    whole. Errors of the file system come as :class:`~archivist.api.errors.StoreError` with a cure.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def __repr__(self) -> str:
        return f"BlobStore({str(self.root)!r})"

    def path(self, digest: str) -> Path:
        """Return where the blob lies or would lie. Raises ValueError when this is no digest."""
        if not _DIGEST.fullmatch(digest):
            raise ValueError(f"not a SHA-256 in lower-case hex: {digest!r}")
        return self.root / digest[:2] / digest[2:4] / digest

    def has(self, digest: str) -> bool:
        """Tell whether the blob is there (not whether it is whole: see :meth:`check`)."""
        return self.path(digest).is_file()

    def put_bytes(self, data: bytes | memoryview) -> str:
        """Keep bytes and return their digest. Raises StoreError."""
        digest = digest_bytes(data)
        if self._is_there(digest, len(data)):
            return digest
        try:
            with replacing(self.path(digest)) as temporary:
                temporary.write_bytes(data)
        except OSError as error:
            raise self._not_kept(error) from error
        return digest

    def put_file(self, source: Path) -> str:
        """Keep a copy of a file and return its digest, that of the bytes copied.

        Raises StoreError.
        """
        try:
            digest = digest_file(source)
            if self._is_there(digest, source.stat().st_size):
                return digest
            with replacing(self.path(digest)) as temporary:
                if _copy(source, temporary) != digest:
                    raise StoreError(
                        f"{source} changed while it was copied into the store. "
                        "Cure: run again when nothing else writes to it",
                        code="source-changed",
                    )
        except OSError as error:
            raise self._not_kept(error) from error
        return digest

    def put_by(self, write: Callable[[Path], None]) -> str:
        """Keep the file that ``write`` makes at the path given to it; return its digest.

        Raises StoreError.
        """
        try:
            with staged(self.root) as temporary:
                write(temporary)
                digest = digest_file(temporary)
                if not self._is_there(digest, temporary.stat().st_size):
                    make_folder(self.path(digest).parent)
                    commit(temporary, self.path(digest))
        except OSError as error:
            raise self._not_kept(error) from error
        return digest

    def open(self, digest: str) -> BinaryIO:
        """Open a blob for reading. Raises StoreError when it is not there."""
        try:
            return self.path(digest).open("rb")
        except OSError as error:
            raise self._not_read(digest, error) from error

    def read(self, digest: str) -> bytes:
        """Return the content of a blob, checked against its digest. Raises StoreError."""
        with self.open(digest) as stream:
            data = stream.read()
        if digest_bytes(data) != digest:
            raise StoreError(
                f"blob {digest} in {self.root} is damaged. Cure: archivist store check --mend, "
                "then run again to make it anew",
                code="blob-damaged",
            )
        return data

    def check(self, digest: str) -> bool:
        """Tell whether a blob is there and has the content that its name says."""
        try:
            return digest_file(self.path(digest)) == digest
        except OSError:
            return False

    def size(self, digest: str) -> int:
        """Return the size of a blob in bytes. Raises StoreError when it is not there."""
        try:
            return self.path(digest).stat().st_size
        except OSError as error:
            raise self._not_read(digest, error) from error

    def iterate(self) -> Iterator[str]:
        """Yield the digests of all blobs, in order."""
        for first in _folders(self.root):
            for second in _folders(first):
                names = (entry.name for entry in second.iterdir() if entry.is_file())
                yield from sorted(name for name in names if _DIGEST.fullmatch(name))

    def delete(self, digest: str) -> bool:
        """Remove a blob; return whether it was there. Raises StoreError."""
        try:
            self.path(digest).unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise self._not_kept(error) from error
        return True

    def _is_there(self, digest: str, size: int) -> bool:
        # A size that differs means damage from outside: the blob is then written anew.
        path = self.path(digest)
        try:
            return path.stat().st_size == size
        except OSError:
            return False

    def _not_kept(self, error: OSError) -> StoreError:
        return StoreError(
            f"cannot write to the store {self.root}: {error.strerror or error}. "
            "Cure: free space or give write permission there, then run again",
            code="store-write",
        )

    def _not_read(self, digest: str, error: OSError) -> StoreError:
        return StoreError(
            f"blob {digest} cannot be read from {self.root}: {error.strerror or error}. "
            "Cure: run again to make it anew",
            code="blob-missing",
        )


def _folders(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    return sorted(path for path in root.iterdir() if path.is_dir() and len(path.name) == 2)


def _copy(source: Path, target: Path) -> str:
    digest = hashlib.sha256()
    with source.open("rb") as reader, target.open("wb") as writer:
        while block := reader.read(_BLOCK):
            digest.update(block)
            writer.write(block)
    return digest.hexdigest()
