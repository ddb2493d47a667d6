"""`archivist ledger`, and the program that checks its proofs without archivist."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from archivist.catalog.rows import Decision
from archivist.catalog.session import open_catalog
from archivist.catalog.writer import Writer
from archivist.hashing import digest_bytes
from archivist.ledger import verify_proof

PROVED, FALSE, UNREADABLE, NOT_CHECKED = range(4)


@pytest.fixture
def key(tmp_path, command, monkeypatch) -> Path:
    """Make a pair of keys that the commands sign with; give the public one."""
    code, _, err = command("ledger", "keygen", "--to", str(tmp_path / "k"), out=False)
    assert code == 0, err
    monkeypatch.setenv("ARCHIVIST_SIGNING_KEY", str(tmp_path / "k"))
    return tmp_path / "k.pub"


@pytest.fixture
def bundle(archive, command, tmp_path, key) -> Path:
    """Give a proof of one of two photographs under a signed checkpoint."""
    file = archive.put("album/a.tif")
    archive.put("b.tif")
    archive.writer.review(file.assets[0].uid, Decision.APPROVE, by="Ada", reason="fine \u00e4")
    seal(archive, command)
    code, _, err = command("ledger", "prove", "album/a.tif", "--to", str(tmp_path / "proof.json"))
    assert code == 0, err
    return tmp_path / "proof.json"


def seal(archive, command) -> None:
    """Make a checkpoint by the command, for which the archive leaves the writer's place."""
    url = str(archive.catalog.path)
    archive.catalog.close()
    code, _, err = command("ledger", "seal")
    assert code == 0, err
    archive.catalog = open_catalog(url, write=True)
    archive.writer = Writer(archive.catalog)


def check(bundle: Path, *options: str) -> tuple[int, str]:
    """Run the verifier where no other module can be imported than those of Python's own path."""
    command = [sys.executable, "-I", verify_proof.__file__, str(bundle), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def changed(bundle: Path, change) -> Path:
    content = json.loads(bundle.read_text("utf-8"))
    change(content)
    bundle.write_text(json.dumps(content), "utf-8")
    return bundle


def test_a_proof_is_checked_without_archivist(bundle, key, archive):
    code, out = check(bundle, "--public-key", str(key), "--file", str(archive.out / "album/a.tif"))
    assert code == PROVED, out
    assert out.count("is in the tree") == 3
    assert "signed by archivist" in out
    assert "is an output" in out


def test_the_verifier_imports_nothing_of_archivist(bundle, key):
    code = (
        "import runpy, sys; sys.argv = sys.argv[1:]\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "finally: print([n for n in sys.modules if n.startswith('archivist')])"
    )
    command = [sys.executable, "-I", "-c", code, verify_proof.__file__, str(bundle)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_photograph_is_proved_by_an_output_that_was_renamed_or_by_its_sha256(
    bundle, key, archive, command, tmp_path
):
    proved = json.loads(bundle.read_text("utf-8"))["asset"]
    moved = tmp_path / "sent to us.tif"
    (archive.out / "album/a.tif").rename(moved)
    for name in (str(moved), digest_bytes(moved.read_bytes())):
        code, _, err = command("ledger", "prove", name, "--to", str(bundle))
        assert code == 0, err
        assert json.loads(bundle.read_text("utf-8"))["asset"] == proved


def test_the_scan_is_known_by_the_proof_too(bundle, key, archive):
    code, out = check(
        bundle, "--public-key", str(key), "--file", str(archive.scans / "album/a.tif")
    )
    assert (code, "is the scan" in out) == (PROVED, True)


def test_another_photograph_is_none_of_the_proof(bundle, key, archive):
    code, out = check(bundle, "--public-key", str(key), "--file", str(archive.out / "b.tif"))
    assert (code, "neither an output nor the scan" in out) == (FALSE, True)


def test_a_signature_is_not_checked_without_a_key(bundle):
    code, out = check(bundle)
    assert (code, "give the key you trust" in out) == (NOT_CHECKED, True)


def test_a_signature_of_another_key_is_false(bundle, command, tmp_path):
    command("ledger", "keygen", "--to", str(tmp_path / "other"), out=False)
    code, out = check(bundle, "--public-key", str(tmp_path / "other.pub"))
    assert (code, "none of the keys" in out) == (FALSE, True)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda c: c["entries"][0].update(record="{}"), "does not have its digest"),
        (lambda c: c["entries"][0].update(position=1), "not in the tree"),
        (lambda c: c["entries"][0]["path"].reverse(), "not in the tree"),
        (lambda c: c["entries"][0]["path"].pop(), "not in the tree"),
        (lambda c: c["notes"].append(c["notes"][0]), "proofs are missing"),
        (
            lambda c: c.update(notes=[c["notes"][0].replace("time 2", "time 1")]),
            "none of the keys",
        ),
    ],
)
def test_a_forged_proof_is_false(bundle, key, change, word):
    code, out = check(changed(bundle, change), "--public-key", str(key))
    assert (code, word in out) == (FALSE, True), out


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": "archivist-proof 1"}'])
def test_what_is_no_proof_cannot_be_checked(tmp_path, content):
    path = tmp_path / "x.json"
    path.write_text(content, "utf-8")
    code, out = check(path)
    assert (code, out.startswith("cannot be checked")) == (UNREADABLE, True)


def test_a_photograph_is_not_called_false_by_an_export_which_holds_no_records(
    archive, command, tmp_path, bundle, key
):
    export = tmp_path / "ledger.json"
    command("ledger", "export", "--to", str(export))
    file = str(archive.out / "album/a.tif")

    code, out = check(export, "--public-key", str(key), "--file", file)

    assert (code, "FALSE" in out) == (UNREADABLE, False)
    assert f"{export} is an export of the ledger; to check a --file" in out
    assert "`archivist ledger prove` wrote is needed" in out


@pytest.mark.parametrize(
    ("place", "given", "words"),
    [
        ("bundle", "kept", "is a checkpoint; expected is what `archivist ledger prove`"),
        ("bundle", "k.pub", "is a public key; expected is what"),
        ("bundle", "photo.tif", "is no text; expected is what"),
        ("bundle", "list.json", "is JSON, but neither a proof nor an export"),
        ("bundle", "later.json", 'a proof of format "archivist-proof 2", which another version'),
        ("--public-key", "k", "is a private key; expected is the public key"),
        ("--public-key", "proof.json", "is a proof; expected is the public key"),
        ("--since", "proof.json", "is a proof; expected is a checkpoint"),
        ("--since", "k.pub", "is a public key; expected is a checkpoint"),
    ],
)
def test_a_file_of_the_wrong_kind_is_told_with_what_is_expected(
    bundle, command, tmp_path, place, given, words
):
    _, line, _ = command("ledger", "show", "--json")
    (tmp_path / "kept").write_text(json.loads(line)["checkpoints"][0]["line"], "utf-8")
    (tmp_path / "photo.tif").write_bytes(b"II*\0\xff\xfe")
    (tmp_path / "list.json").write_text("[]", "utf-8")
    (tmp_path / "later.json").write_text('{"format": "archivist-proof 2"}', "utf-8")
    wrong = tmp_path / given

    code, out = check(wrong) if place == "bundle" else check(bundle, place, str(wrong))

    assert (code, "FALSE" in out) == (UNREADABLE, False)
    assert f"cannot be checked: {wrong} is " in out
    assert words in out


def test_a_kept_line_is_found_in_the_proof_since(archive, command, tmp_path, key):
    archive.put("a.tif")
    _, line, _ = command("ledger", "show", "--json")
    (tmp_path / "kept").write_text(json.loads(line)["checkpoints"][0]["line"], "utf-8")
    archive.put("b.tif")
    seal(archive, command)
    since, to = ("--since", str(tmp_path / "kept")), str(tmp_path / "p.json")
    code, _, err = command("ledger", "prove", "b.tif", "--to", to, *since)
    assert code == 0, err
    code, out = check(Path(to), "--public-key", str(key), *since)
    assert code == PROVED, out
    assert "holds the earlier" in out
    assert "that you kept is one of these" in out


def test_an_export_proves_that_the_ledger_only_grew(archive, command, tmp_path, key):
    for name in "abc":
        archive.put(f"{name}.tif")
    seal(archive, command)
    to = tmp_path / "ledger.json"
    code, _, err = command("ledger", "export", "--leaves", "--to", str(to))
    assert code == 0, err
    assert len(json.loads(to.read_text("utf-8"))["leaves"]) == 6
    code, out = check(to, "--public-key", str(key))
    assert (code, out.count("holds the earlier")) == (PROVED, 3)

    def forge(content):
        content["paths"][0][0] = "00" * 32

    assert check(changed(to, forge), "--public-key", str(key))[0] == FALSE


def test_the_roots_are_computed_anew_from_exported_leaves(archive, command, tmp_path, key):
    for name in "abcde":
        archive.put(f"{name}.tif")
    seal(archive, command)
    to = tmp_path / "ledger.json"
    command("ledger", "export", "--leaves", "--to", str(to))
    count = len(json.loads(to.read_text("utf-8"))["notes"])
    code, out = check(to, "--public-key", str(key))
    assert (code, out.count("its root is that of the entries")) == (PROVED, count)

    def forge(content):
        content["leaves"][-1]["digest"] = "00" * 32

    code, out = check(changed(to, forge), "--public-key", str(key))
    assert (code, "its root is not that of the entries" in out) == (FALSE, True)
    assert "its root is that of the entries" in out  # of the checkpoints before the last entry
    code, out = check(changed(to, lambda c: c["leaves"].pop()), "--public-key", str(key))
    assert (code, "only 9 entries are here" in out) == (FALSE, True)


def test_entries_that_no_checkpoint_covers_are_not_checked(archive, command, tmp_path, key):
    file = archive.put("a.tif")
    seal(archive, command)
    archive.writer.review(file.assets[0].uid, Decision.APPROVE, by="Ada")
    to = tmp_path / "ledger.json"
    command("ledger", "export", "--leaves", "--to", str(to))
    code, out = check(to, "--public-key", str(key))
    assert (code, "1 later entries: no checkpoint" in out) == (NOT_CHECKED, True)


def test_check_ends_with_0_when_a_known_key_signed(archive, command, key):
    archive.put("a.tif")
    seal(archive, command)
    code, out, _ = command("ledger", "check", "--public-key", str(key))
    assert (code, out) == (0, "records: 1 fine\nledger records: 2 fine\ncheckpoints: 2 fine\n")


def test_check_finds_a_record_that_was_edited_and_its_digest_left(archive, command):
    archive.put("a.tif")
    with archive.catalog.engine.begin() as connection:
        connection.execute(text("UPDATE step SET operator = 'Mallory'"))
    code, out, _ = command("ledger", "check")
    assert (code, "the record differs from its own digest" in out) == (3, True)


def test_check_names_what_was_edited_and_ends_with_3(archive, command):
    archive.put("a.tif")
    with archive.catalog.engine.begin() as connection:
        connection.execute(text("UPDATE publication SET path = 'b.tif'"))
    code, out, _ = command("ledger", "check")
    assert code == 3
    assert "changed      ledger record publication 1 (entry 1): the record was edited" in out


def test_check_by_a_line_on_the_command_line(archive, command):
    archive.put("a.tif")
    _, out, _ = command("ledger", "show")
    line = out.splitlines()[0]
    assert command("ledger", "check", "--since", line)[0] == 0
    code, out, _ = command("ledger", "check", "--since", line.replace(" 2 ", " 5 "))
    assert (code, "had 5 entries then and has 2 now" in out) == (3, True)


@pytest.mark.parametrize("since", ["no such file", "nosuchfile"])
def test_what_is_no_checkpoint_is_refused(archive, command, since):
    code, _, err = command("ledger", "check", "--since", since)
    assert (code, "Cure" in err) == (2, True)


def test_verify_checks_the_ledger_too(archive, command):
    archive.put("a.tif")
    with archive.catalog.engine.begin() as connection:
        connection.execute(text("DELETE FROM publication"))
    code, out, _ = command("verify")
    assert (code, "missing      ledger record publication 1" in out) == (3, True)


def test_nothing_is_proved_before_the_first_checkpoint(archive, command, tmp_path):
    archive.put("a.tif")
    with archive.catalog.engine.begin() as connection:
        connection.execute(text("DELETE FROM checkpoint"))
    code, _, err = command("ledger", "prove", "a.tif", "--to", str(tmp_path / "p.json"))
    assert (code, "archivist ledger seal" in err) == (2, True)


def test_an_edited_record_is_not_proved(archive, command, tmp_path):
    archive.put("a.tif")
    with archive.catalog.engine.begin() as connection:
        connection.execute(text("UPDATE step SET seed = 2"))
    code, _, err = command("ledger", "prove", "a.tif", "--to", str(tmp_path / "p.json"))
    assert (code, "archivist verify" in err) == (2, True)
    assert not (tmp_path / "p.json").exists()


def test_the_verifier_is_written_as_one_file(command, tmp_path):
    code, _, _ = command("ledger", "verifier", "--to", str(tmp_path / "v.py"), out=False)
    written = (tmp_path / "v.py").read_text("utf-8")
    assert (code, written) == (0, Path(verify_proof.__file__).read_text("utf-8"))


def test_show_tells_what_no_checkpoint_covers(archive, command):
    file = archive.put("a.tif")
    archive.writer.review(file.assets[0].uid, Decision.APPROVE, by="Ada")
    _, out, _ = command("ledger", "show")
    assert "unsigned" in out
    assert "1 entry came since" in out
