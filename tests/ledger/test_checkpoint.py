"""Checkpoints as notes and as one line."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace

import pytest

from archivist.api.errors import UsageError
from archivist.ledger.checkpoint import key_id, parse

ROOT = base64.b64encode(b"\xab" * 32).decode()
LINE = f"archivist/6f1c 1234 {ROOT} 2026-01-02T03:04:05.678901Z"


def test_the_line_holds_origin_size_root_and_time(head):
    assert head.line == LINE


def test_the_line_is_read_back(head):
    assert parse(LINE + "\n") == replace(head, run="")


def test_an_unsigned_note_is_the_body_and_an_empty_line(head):
    assert head.note == (
        f"archivist/6f1c\n1234\n{ROOT}\ntime 2026-01-02T03:04:05.678901Z\nrun 019b\n\n"
    )


@pytest.mark.parametrize("signature", ["", base64.b64encode(b"\1\2\3\4" + b"s" * 64).decode()])
def test_a_note_is_read_back(head, signature):
    head = replace(head, signature=signature, key_name="a.example" if signature else "")
    assert parse(head.note) == head


def test_the_key_id_stands_in_the_signature(head):
    signature = base64.b64encode(b"\1\2\3\xff" + b"s" * 64).decode()
    assert (replace(head, signature=signature).key_id, head.key_id) == ("010203ff", "")


def test_the_key_id_is_that_of_signed_notes():
    public = bytes(range(32))
    assert (
        key_id("a.example", public) == (hashlib.sha256(b"a.example\n\x01" + public).hexdigest()[:8])
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing",
        "archivist/6f1c 1234",
        f"archivist/6f1c -1 {ROOT} 2026-01-02T03:04:05Z",
        f"archivist/6f1c 1234 {ROOT} yesterday",
        f"archivist/6f1c 1234 {ROOT} 2026-01-02T03:04:05",
        "archivist/6f1c 1234 AAAA 2026-01-02T03:04:05Z",
        f"archivist/6f1c\n1234\n{ROOT}\n",
        f"archivist/6f1c\n1234\n{ROOT}\ntime 2026-01-02T03:04:05Z\n\n* name AAAA\n",
    ],
)
def test_what_is_no_checkpoint_is_refused_with_the_cure(text):
    with pytest.raises(UsageError, match="archivist ledger show"):
        parse(text)
