"""Why a file is not treated: the codes of the scan, each with its status, reason and cure."""

from __future__ import annotations

from enum import StrEnum

from archivist.model import Refusal, Status


class Code(StrEnum):
    """The codes that the scan gives; a file that cannot be decoded has a code of the decoder."""

    HIDDEN = "hidden"
    """The name begins with a dot."""
    LITTER = "litter"
    """A file or folder that an operating system or a storage device leaves behind."""
    LINK = "link"
    """A symbolic link to something inside the scans."""
    OUTSIDE = "outside-link"
    """A symbolic link that leaves the scans."""
    BROKEN_LINK = "broken-link"
    """A symbolic link to nothing, or to itself."""
    OUTPUT = "output-folder"
    """A folder that archivist wrote."""
    MANIFEST = "manifest"
    """The manifest of this scan."""
    SPECIAL = "special-file"
    """A pipe, socket or device."""
    NO_PICTURE = "not-a-picture"
    """A file that does not claim to be a picture and is none."""
    DISGUISED = "lying-suffix"
    """A file that is named like a picture and is none."""
    FORMAT = "unsupported-format"
    """A picture of a format that no installed reader takes."""
    EMPTY = "empty"
    """A file of zero bytes that is named like a picture."""
    NAME = "unusable-name"
    """A name with characters that the catalog cannot tell apart."""
    UNREADABLE = "unreadable"
    """A file or folder that cannot be opened or read."""
    VANISHED = "vanished"
    """A file or folder that was gone when it was to be read."""
    CHANGED = "changed"
    """A file that somebody wrote to while it was read."""


_SKIPPED = {
    Code.HIDDEN: "hidden (its name begins with a dot). To treat it, rename it",
    Code.LITTER: "left behind by an operating system or a storage device, no part of the archive",
    Code.LINK: "link: its target is scanned itself",
    Code.OUTSIDE: "link: its target lies outside the scans, and such links are not followed. "
    "To treat it, put a copy in its place or scan the folder of the target",
    Code.OUTPUT: "an output folder of archivist; results are never scanned",
    Code.MANIFEST: "the manifest of this scan",
    Code.SPECIAL: "a pipe, socket or device, no file",
    Code.NO_PICTURE: "not a picture",
}
_FAILED = {
    Code.BROKEN_LINK: "link: its target does not exist, or the link leads to itself. "
    "Cure: bring the target back, or remove the link",
    Code.DISGUISED: "it is named like a picture, but is of no known format. "
    "Cure: copy the file again from its source, or give it its true suffix",
    Code.FORMAT: "a format that no installed reader takes. "
    "Cure: install a codec plugin for it, or convert the file to TIFF",
    Code.EMPTY: "the file is empty. Cure: copy it again from its source",
    Code.NAME: "its name holds characters of the private-use block U+F780 to U+F7FF. "
    "Cure: rename it",
    Code.UNREADABLE: "cannot be read. Cure: check the permissions and the medium",
    Code.VANISHED: "was there when its folder was listed and was gone when it was to be read. "
    "Cure: run again when nobody moves files",
    Code.CHANGED: "was written to while it was read. Cure: run again when copying has ended",
}


def refuse(code: Code, path: str, *, detail: str = "", size: int = 0, mtime_ns: int = 0) -> Refusal:
    """Return the refusal of a file or folder; ``detail`` is said before the reason."""
    skipped = code in _SKIPPED
    reason = _SKIPPED[code] if skipped else _FAILED[code]
    return Refusal(
        path=path,
        code=str(code),
        reason=f"{detail}: {reason}" if detail else reason,
        status=Status.SKIPPED if skipped else Status.FAILED,
        size=size,
        mtime_ns=mtime_ns,
    )


def refuse_error(error: OSError, path: str) -> Refusal:
    """Return the refusal of a file or folder that the operating system would not give."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return refuse(Code.VANISHED, path)
    return refuse(Code.UNREADABLE, path, detail=error.strerror or type(error).__name__)
