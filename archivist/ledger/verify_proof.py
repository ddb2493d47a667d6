"""Check a proof of archivist without archivist: run this file with Python 3.9 or newer.

    python3 verify_proof.py proof.json --public-key archive.key.pub --file photograph.tif

``proof.json`` is what `archivist ledger prove` or `archivist ledger export` wrote. Checked are the
digest of each record, its place in the Merkle tree (RFC 6962), that a later tree holds the earlier
one, the roots where the digests of all entries are there (`ledger export --leaves`), and the
signature of the checkpoint (Ed25519, a signed note as of C2SP). Nothing but the standard library is
needed, and for signatures the library `cryptography`.

Exit codes: 0 all is proved; 1 something is false; 2 the files cannot be read as what they should
be; 3 nothing is false, but something could not be checked, such as a signature without a key.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import sys
from datetime import datetime
from typing import Any

PROVED, FALSE, UNREADABLE, NOT_CHECKED = 0, 1, 2, 3
PROOF, LEDGER = "archivist-proof 1", "archivist-ledger 1"


class Report:
    """What was found, line by line."""

    def __init__(self) -> None:
        self.false = self.open = 0

    def say(self, good: bool, what: str) -> None:
        """Print a result: proved or false."""
        self.false += not good
        print(f"{'proved ' if good else 'FALSE  '}  {what}")  # noqa: T201

    def leave(self, what: str) -> None:
        """Print what was not checked."""
        self.open += 1
        print(f"not checked  {what}")  # noqa: T201

    @property
    def code(self) -> int:
        """The exit code."""
        return FALSE if self.false else NOT_CHECKED if self.open else PROVED


# --- the tree -------------------------------------------------------------------------------


def sha256(data: bytes) -> bytes:
    """Return the SHA-256 of bytes."""
    return hashlib.sha256(data).digest()


def climbed(index: int, size: int, node: bytes, path: list[bytes]) -> bytes | None:
    """Return the root that an inclusion proof leads to, None for a proof of the wrong length."""
    if not 0 <= index < size:
        return None
    here, last = index, size - 1
    for other in path:
        if last == 0:
            return None
        if here % 2 == 1 or here == last:
            node = sha256(b"\x01" + other + node)
            while here % 2 == 0 and here != 0:
                here, last = here // 2, last // 2
        else:
            node = sha256(b"\x01" + node + other)
        here, last = here // 2, last // 2
    return node if last == 0 else None


def grown(old_size: int, old: bytes, size: int, path: list[bytes]) -> bytes | None:
    """Return the later root that a consistency proof leads to, None when it misses the old one."""
    if not 0 < old_size <= size:
        return None
    if old_size == size:
        return None if path else old
    nodes = [old, *path] if old_size & (old_size - 1) == 0 else list(path)
    if not nodes:
        return None
    here, last = old_size - 1, size - 1
    while here % 2 == 1:
        here, last = here // 2, last // 2
    first = second = nodes[0]
    for other in nodes[1:]:
        if last == 0:
            return None
        if here % 2 == 1 or here == last:
            first, second = sha256(b"\x01" + other + first), sha256(b"\x01" + other + second)
            while here % 2 == 0 and here != 0:
                here, last = here // 2, last // 2
        else:
            second = sha256(b"\x01" + second + other)
        here, last = here // 2, last // 2
    return second if last == 0 and first == old else None


def roots(leaves: list[bytes], sizes: set[int]) -> dict[int, bytes]:
    """Return the root over the first so many leaves, for each size that the leaves reach."""
    found: dict[int, bytes] = {}
    peaks: list[tuple[int, bytes]] = []  # whole subtrees from the left: how many leaves, and node
    for size, leaf in enumerate(leaves, start=1):
        count, node = 1, sha256(b"\x00" + leaf)
        while peaks and peaks[-1][0] == count:
            node = sha256(b"\x01" + peaks.pop()[1] + node)
            count *= 2
        peaks.append((count, node))
        if size in sizes:
            root = peaks[-1][1]
            for _, left in reversed(peaks[:-1]):
                root = sha256(b"\x01" + left + root)
            found[size] = root
    return found


# --- checkpoints ----------------------------------------------------------------------------


class Head:
    """What a note or the one line of a checkpoint says. Raises ValueError for anything else."""

    def __init__(self, text: str) -> None:
        body, _, end = text.strip("\n").partition("\n\n")
        lines = body.split("\n")
        self.signed = "".join(line + "\n" for line in lines)
        if len(lines) == 1:
            lines = lines[0].split(" ")
        self.origin, self.size, self.root = lines[0], int(lines[1]), base64.b64decode(lines[2])
        times = [line[5:] for line in lines if line.startswith("time ")]
        self.time = times[0] if times else ""
        self.key_name = self.signature = ""
        if end.strip():
            dash, self.key_name, self.signature = end.strip().split("\n")[0].split(" ")
            if dash != "\u2014":
                raise ValueError("the signature begins with no dash")
        if len(self.root) != hashlib.sha256().digest_size:
            raise ValueError("the root is no SHA-256")

    def __str__(self) -> str:
        return f"checkpoint of {self.size} entries, {self.time or 'time unknown'}"


def check_signature(report: Report, head: Head, keys: list[str]) -> None:
    """Check the signature of a checkpoint with the keys that the auditor trusts."""
    if not head.signature:
        report.leave(f"{head}: nobody signed it")
        return
    if not keys:
        report.leave(f"{head}: give the key you trust with --public-key, from another source")
        return
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ImportError:
        report.leave(f"{head}: signatures need the library cryptography (pip install cryptography)")
        return
    raw = base64.b64decode(head.signature)
    for text in keys:
        key = load_pem_public_key(text[text.index("-----BEGIN") :].encode())
        try:
            key.verify(raw[4:], head.signed.encode())  # type: ignore[call-arg, union-attr]
        except InvalidSignature:
            continue
        expires = re.search(r"^Expires:\s*(\S+)", text, re.MULTILINE)
        late = bool(expires) and _time(head.time) > _time(expires.group(1))  # type: ignore[union-attr]
        report.say(not late, f"{head}: signed by {head.key_name}{', too late' if late else ''}")
        return
    report.say(False, f"{head}: signed by {head.key_name}, with none of the keys given")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


# --- bundles --------------------------------------------------------------------------------


def check_proof(report: Report, bundle: dict[str, Any], head: Head) -> list[dict[str, Any]]:
    """Check the records of an asset against a checkpoint; return the records that are proved."""
    records = []
    for entry in bundle["entries"]:
        name = f"{entry['kind']} at place {entry['position']}"
        digest = sha256(entry["record"].encode("utf-8", "surrogateescape"))
        if digest.hex() != entry["digest"]:
            report.say(False, f"{name}: the record does not have its digest")
            continue
        path = [bytes.fromhex(node) for node in entry["path"]]
        root = climbed(entry["position"], head.size, sha256(b"\x00" + digest), path)
        if root != head.root:
            report.say(False, f"{name}: not in the tree")
            continue
        records.append(json.loads(entry["record"]))
        report.say(True, f"{name}: is in the tree: {summary(records[-1])}")
    return records


def summary(record: dict[str, Any]) -> str:
    """Return what a record says in short, as JSON, so that no character does harm."""
    names = {
        None: ("step", "version", "status", "asset"),
        "publication": ("path", "output_digest", "run"),
        "review": ("decision", "reviewer", "asset", "at"),
        "event": ("type", "actor", "asset", "at"),
    }
    shown = names.get(record.get("record"), ())
    return json.dumps({name: record.get(name) for name in shown})


def check_growth(report: Report, old: Head, new: Head, path: list[str]) -> None:
    """Check that a tree holds an earlier one unchanged."""
    root = grown(old.size, old.root, new.size, [bytes.fromhex(node) for node in path])
    same = root == new.root and old.origin == new.origin
    word = "holds" if same else "does not hold"
    report.say(same, f"the {new} {word} the earlier {old}")


def check_leaves(report: Report, leaves: list[dict[str, Any]], notes: list[Head]) -> None:
    """Compute the root of each checkpoint anew from the digests of the entries."""
    found = roots([bytes.fromhex(leaf["digest"]) for leaf in leaves], {one.size for one in notes})
    for note in notes:
        if note.size not in found:
            report.say(False, f"{note}: only {len(leaves)} entries are here")
            continue
        same = found[note.size] == note.root
        report.say(same, f"{note}: its root is {'' if same else 'not '}that of the entries")
    later = len(leaves) - notes[-1].size
    if later > 0:
        report.leave(f"{later} later entries: no checkpoint covers them yet")


def check_file(report: Report, path: str, records: list[dict[str, Any]]) -> None:
    """Check that a file is one that the proved records speak of."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:  # noqa: PTH123 (plain on purpose)
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    found = digest.hexdigest()
    published = [one for one in records if one.get("record") == "publication"]
    if any(one["output_digest"] == found for one in published):
        report.say(True, f"{path}: is an output of these records")
    elif any(one["digest"] == found for one in published):
        report.say(True, f"{path}: is the scan of these records")
    else:
        report.say(False, f"{path}: is neither an output nor the scan of these records")


# --- files of the wrong kind ----------------------------------------------------------------


def read_text(path: str, expected: str) -> str:
    """Return the text of a file. Raises ValueError for one that is no text."""
    with open(path, "rb") as stream:  # noqa: PTH123 (plain on purpose)
        data = stream.read()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is no text; {expected}") from None


def kind_of(text: str) -> str:
    """Return what a text is of all that archivist writes for auditors."""
    found = re.search("^-----BEGIN [A-Z ]*(PRIVATE|PUBLIC) KEY-----", text, re.MULTILINE)
    if found:
        return f"a {found.group(1).lower()} key"
    try:
        Head(text)
        return "a checkpoint"
    except (ValueError, IndexError):
        pass
    try:
        content = json.loads(text)
    except ValueError:
        return "neither a proof nor anything else of the ledger"
    kind = str(content.get("format")) if isinstance(content, dict) else ""
    names = {PROOF: "a proof", LEDGER: "an export of the ledger"}
    for name, words in names.items():
        if kind == name:
            return words
        if kind.startswith(name.split(" ", maxsplit=1)[0] + " "):
            return f"{words} of format {json.dumps(kind)}, which another version wrote"
    return "JSON, but neither a proof nor an export of the ledger"


def read_bundle(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what a proof or an export holds. Raises ValueError for another kind of file."""
    expected = "expected is what `archivist ledger prove` or `archivist ledger export` wrote"
    if arguments.file:
        expected = "to check a --file, what `archivist ledger prove` wrote is needed"
    text = read_text(arguments.bundle, expected)
    kind = kind_of(text)
    if kind not in (["a proof"] if arguments.file else ["a proof", "an export of the ledger"]):
        raise ValueError(f"{arguments.bundle} is {kind}; {expected}")
    bundle: dict[str, Any] = json.loads(text)
    return bundle


def read_key(path: str) -> str:
    """Return the text of a public key. Raises ValueError for another kind of file."""
    expected = "expected is the public key (.pub) of `archivist ledger keygen`"
    text = read_text(path, expected)
    if kind_of(text) != "a public key":
        raise ValueError(f"{path} is {kind_of(text)}; {expected}")
    return text


def read_head(path: str) -> Head:
    """Return a checkpoint that somebody kept. Raises ValueError for another kind of file."""
    expected = "expected is a checkpoint, as `archivist ledger show` prints it"
    text = read_text(path, expected)
    if kind_of(text) != "a checkpoint":
        raise ValueError(f"{path} is {kind_of(text)}; {expected}")
    return Head(text)


# --- the program ----------------------------------------------------------------------------


def check(arguments: argparse.Namespace) -> int:
    """Check what the command line names and return the exit code."""
    report, bundle = Report(), read_bundle(arguments)
    keys = [read_key(name) for name in arguments.public_key]
    known = read_head(arguments.since) if arguments.since else None
    notes = [Head(note) for note in bundle["notes"]]
    for old, new, path in zip(notes, notes[1:], bundle["paths"]):  # noqa: B905 (Python 3.9)
        check_growth(report, old, new, path)
    if len(bundle["paths"]) < len(notes) - 1:
        report.say(False, "proofs are missing between checkpoints")
    records = check_proof(report, bundle, notes[-1]) if bundle["format"] == PROOF else []
    if "leaves" in bundle:
        check_leaves(report, bundle["leaves"], notes)
    check_signature(report, notes[-1], keys)
    if known is not None:
        same = [one for one in notes if one.size == known.size]
        if same:
            report.say(
                all(one.root == known.root and one.origin == known.origin for one in same),
                f"the {known} that you kept is one of these",
            )
        else:
            report.leave(f"the {known} that you kept: ask for a proof --since it")
    for name in arguments.file:
        check_file(report, name, records)
    return report.code


def main() -> int:
    """Read the command line, check, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("bundle", help="what `archivist ledger prove` or `export` wrote")
    parser.add_argument("--public-key", action="append", default=[], help="a key that you trust")
    parser.add_argument("--since", help="a checkpoint that you kept: a note or its one line")
    parser.add_argument("--file", action="append", default=[], help="a scan or an output")
    try:
        return check(parser.parse_args())
    except (OSError, ValueError) as error:
        print(f"cannot be checked: {error}", file=sys.stderr)  # noqa: T201
        return UNREADABLE
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        print(f"cannot be checked: parts are missing ({error!r})", file=sys.stderr)  # noqa: T201
        return UNREADABLE


if __name__ == "__main__":
    sys.exit(main())
