"""What is said about the tree at one time: a checkpoint, as a signed note and as one line.

The note has the form of C2SP's tlog-checkpoint, so that other programs for such logs read it::

    archivist/6f1c...-...          origin: which catalog
    1234                           how many leaves
    CsUYapGGPo4dkMgIAUqom/...=     root, base64
    time 2026-01-02T03:04:05.678901Z
    run 019b...

    — archive.example Az3grl...    key name, base64 of key id and signature

The lines above the empty one are what is signed. One line to print or to write down is
``ORIGIN SIZE ROOT TIME``: who keeps it can show later that nothing before it was changed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

from archivist.api.errors import UsageError

DASH = "\u2014"
"""The em dash that begins the line of a signature in a signed note."""
KEY_ID_BYTES = 4
ED25519 = b"\1"
"""The byte that stands for Ed25519 in signed notes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The head of the tree after a run. ``root`` is hex; an unsigned one has no ``signature``.

    ``signature`` is as in the note: the base64 of four bytes of key id and the 64 of Ed25519.
    """

    origin: str
    size: int
    root: str
    at: datetime
    run: str = ""
    key_name: str = ""
    signature: str = ""

    @property
    def body(self) -> str:
        """The text that is signed."""
        lines = [self.origin, str(self.size), _base64(bytes.fromhex(self.root))]
        lines.append(f"time {_stamp(self.at)}")
        if self.run:
            lines.append(f"run {self.run}")
        return "\n".join(lines) + "\n"

    @property
    def note(self) -> str:
        """The signed note; without its last line when there is no signature."""
        end = f"{DASH} {self.key_name} {self.signature}\n" if self.signature else ""
        return f"{self.body}\n{end}"

    @property
    def line(self) -> str:
        """Origin, size, root and time on one line."""
        return " ".join([*self.body.splitlines()[:3], _stamp(self.at)])

    @property
    def key_id(self) -> str:
        """Eight hex digits that tell which key signed, empty when none did."""
        return base64.b64decode(self.signature)[:KEY_ID_BYTES].hex() if self.signature else ""


def key_id(name: str, public: bytes) -> str:
    """Return the id of an Ed25519 key of 32 bytes, as signed notes define it: eight hex digits."""
    data = name.encode() + b"\n" + ED25519 + public
    return hashlib.sha256(data).digest()[:KEY_ID_BYTES].hex()


def parse(text: str) -> Checkpoint:
    """Read a note or the one line. Raises UsageError with its cure for anything else."""
    head, _, end = text.strip("\n").partition("\n\n")
    lines = head.splitlines()
    try:
        if len(lines) == 1:
            origin, size, root, at = lines[0].split()
            return _checkpoint(origin, size, root, at)
        origin, size, root = lines[:3]
        facts = dict(line.split(" ", 1) for line in lines[3:])
        name, signature = _signature(end)
        return _checkpoint(origin, size, root, facts["time"], facts.get("run", ""), name, signature)
    except (ValueError, TypeError, KeyError, binascii.Error) as error:
        raise UsageError(
            "this is no checkpoint. Cure: give a line or a note that `archivist ledger show` "
            "printed, or a file with one"
        ) from error


def _checkpoint(
    origin: str, size: str, root: str, at: str, run: str = "", name: str = "", signature: str = ""
) -> Checkpoint:
    decoded = base64.b64decode(root, validate=True)
    if len(decoded) != hashlib.sha256().digest_size or not size.isdecimal() or not origin:
        raise ValueError("no tree head")
    when = datetime.fromisoformat(at)
    if when.tzinfo is None:
        raise ValueError("a time without a zone")
    return Checkpoint(
        origin=origin,
        size=int(size),
        root=decoded.hex(),
        at=when.astimezone(UTC),
        run=run,
        key_name=name,
        signature=signature,
    )


def _signature(text: str) -> tuple[str, str]:
    """Return key name and signature of the first line that holds one."""
    if not text.strip():
        return "", ""
    dash, name, signature = text.splitlines()[0].split(" ")
    if dash != DASH:
        raise ValueError("no signature")
    base64.b64decode(signature, validate=True)
    return name, signature


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
