"""C2PA: what is signed is taken apart by a reader of our own, and read by the library too."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import c2pa
import jumbf
import pytest
from certificates import DAY, NOW, SIGNING, Authority, draft, key_pem, pem, subject
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from PIL import Image

from archivist.api import UsageError
from archivist_exports.c2pa import write
from archivist_exports.c2pa_manifest import COMPOSITE, ENHANCED, LINEAGE
from archivist_exports.params import C2paParams


@pytest.fixture
def signed(story: list[dict[str, Any]], params: C2paParams, tmp_path: Path) -> Path:
    write(iter(story), tmp_path / "signed", params)
    return tmp_path / "signed"


def statement_of(folder: Path, path: str) -> tuple[Any, bytes]:
    """Return the statement of a signed file, and the bytes that it is about."""
    file = folder / path
    if path.endswith(".tif"):
        out = folder.parent / "out" / path
        return jumbf.Statement.of(Path(f"{file}.c2pa").read_bytes()), out.read_bytes()
    store = jumbf.store_in_jpeg if path.endswith(".jpg") else jumbf.store_in_png
    return jumbf.Statement.of(store(file.read_bytes())), file.read_bytes()


MEDIA = {"a.jpg": "image/jpeg", "a.png": "image/png", "b/a.tif": "image/tiff"}
FILES = tuple(MEDIA)


# --- what is signed -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES)
def test_signature_chain_assertions_and_picture_fit_by_a_reader_of_our_own(
    signed: Path, authority: Authority, path: str
) -> None:
    statement, file = statement_of(signed, path)
    statement.verify(file, authority.certificate)


@pytest.mark.parametrize("path", FILES)
def test_a_picture_that_was_changed_no_longer_fits(
    signed: Path, authority: Authority, path: str
) -> None:
    statement, file = statement_of(signed, path)
    changed = bytearray(file)
    changed[-20] ^= 1
    with pytest.raises(AssertionError, match="another picture"):
        statement.verify(bytes(changed), authority.certificate)


def test_a_statement_that_was_changed_has_no_valid_signature(
    signed: Path, authority: Authority
) -> None:
    file = (signed / "a.jpg").read_bytes()
    statement = jumbf.Statement.of(jumbf.store_in_jpeg(file))
    claim = statement.manifest.find("c2pa.claim.v2")
    claim.content = claim.content.replace(b"archivist", b"archivisT")
    with pytest.raises(InvalidSignature):
        statement.verify(file, authority.certificate)


@pytest.mark.parametrize("path", FILES)
def test_the_library_of_the_standard_trusts_it_under_our_root(
    signed: Path, authority: Authority, path: str
) -> None:
    _, file = statement_of(signed, path)
    beside = Path(f"{signed / path}.c2pa")
    settings = {"trust": {"trust_anchors": pem(authority.certificate).decode()}}
    with (
        c2pa.Context.from_dict(settings) as context,
        c2pa.Reader(
            MEDIA[path],
            io.BytesIO(file),
            manifest_data=beside.read_bytes() if beside.exists() else None,
            context=context,
        ) as reader,
    ):
        assert reader.get_validation_state() == "Trusted"


def test_the_scan_is_what_was_opened_and_each_step_is_an_action(signed: Path) -> None:
    statement, _ = statement_of(signed, "a.jpg")
    opened, found, painted = statement.actions
    assert [one["action"] for one in statement.actions] == [
        "c2pa.opened",
        "org.archivist.analysed",
        "c2pa.edited",
    ]
    (uri,) = opened["parameters"]["ingredients"]
    scan = statement.named(uri).value
    assert scan["relationship"] == "parentOf"
    assert scan["dc:title"].startswith("album 1/")
    assert found["softwareAgent"]["name"] == "scratch.detect (archivist-scratch)"
    assert "digitalSourceType" not in found
    assert painted["digitalSourceType"] == COMPOSITE
    assert painted["when"] == datetime(2026, 1, 2, 3, 4, 6, 500_000, UTC)


def test_a_photograph_that_lent_texture_is_an_input_of_the_action_that_used_it(
    signed: Path,
) -> None:
    statement, _ = statement_of(signed, "a.jpg")
    (uri,) = statement.actions[-1]["parameters"]["ingredients"]
    lender = statement.named(uri).value
    assert lender["relationship"] == "inputTo"
    assert hashlib.sha256(b"lender").hexdigest() in lender["description"]


def test_another_format_is_told_as_a_conversion(signed: Path) -> None:
    statement, _ = statement_of(signed, "b/a.tif")
    assert statement.actions[-1]["action"] == "c2pa.converted"
    assert statement.actions[-1]["description"] == "from image/jpeg to image/tiff"


def test_a_step_without_a_trained_model_counts_as_an_enhancement(
    story: list[dict[str, Any]], params: C2paParams, tmp_path: Path
) -> None:
    story[1]["steps"][1]["conjectural"] = False
    write(iter(story), tmp_path / "signed", params)
    statement, _ = statement_of(tmp_path / "signed", "a.jpg")
    assert statement.actions[-1]["digitalSourceType"] == ENHANCED


@pytest.mark.parametrize(
    ("step", "size", "action"),
    [
        ("colorization.colorize", (40, 30), "c2pa.adjustedColor"),
        ("ttsr.upscale", (80, 60), "c2pa.resized"),
        ("scratch.repair", (30, 40), "c2pa.edited"),  # turned upright
    ],
)
def test_the_action_says_what_kind_of_change_it_was(
    story: list[dict[str, Any]],
    params: C2paParams,
    tmp_path: Path,
    step: str,
    size: tuple[int, int],
    action: str,
) -> None:
    changed = story[1]["steps"][1]
    changed["step"] = step
    changed["artifacts"][0] |= {"width": size[0], "height": size[1]}
    write(iter(story), tmp_path / "signed", params)
    statement, _ = statement_of(tmp_path / "signed", "a.jpg")
    assert statement.actions[-1]["action"] == action


def test_the_lineage_has_records_params_weights_review_and_checkpoint(
    signed: Path, story: list[dict[str, Any]]
) -> None:
    statement, _ = statement_of(signed, "a.jpg")
    told = statement.assertion(LINEAGE)
    row = story[1]
    assert told["scan"] == row["digest"]
    assert told["output"] == row["outputs"][0]["digest"]
    assert told["checkpoint"] == "archivist/x 7 abc= 2026-01-02T03:04:05Z"
    assert [one["record"] for one in told["steps"]] == [one["record"] for one in row["steps"]]
    detect, _, skipped = told["steps"]
    assert detect["weights"] == [
        {"name": "net", "digest": row["steps"][0]["weights"][0]["digest"], "licence": "MIT"}
    ]
    assert detect["params_sha256"] == hashlib.sha256(detect["params"].encode()).hexdigest()
    assert json.loads(detect["params"])["radius"] == 3.0
    assert (skipped["status"], skipped["reason"]) == ("skipped", "no face")
    assert told["review"]["decision"] == "approve"


def test_awkward_text_stays_text(signed: Path) -> None:
    statement, _ = statement_of(signed, "a.jpg")
    rights = statement.assertion(LINEAGE)["rights"]
    assert rights == '=1+1 <b>"Ö & b"</b> ␁␇� �\r\n二'


def test_no_thumbnail_makes_the_files_large(signed: Path, story: list[dict[str, Any]]) -> None:
    statement, file = statement_of(signed, "a.jpg")
    assert not [label for label in statement.assertions.labels if "thumbnail" in label]
    assert len(file) - story[1]["outputs"][0]["size"] < 20_000


def test_only_the_statement_of_a_tiff_is_written_and_the_picture_has_no_new_page(
    signed: Path,
) -> None:
    assert not (signed / "b/a.tif").exists()
    assert (signed / "b/a.tif.c2pa").is_file()


def test_masters_are_copied_as_they_are_when_asked_for(
    story: list[dict[str, Any]], params: C2paParams, tmp_path: Path
) -> None:
    write(iter(story), tmp_path / "signed", dataclasses.replace(params, masters=True))
    copied = tmp_path / "signed" / "b/a.tif"
    assert copied.read_bytes() == (tmp_path / "out" / "b/a.tif").read_bytes()
    with Image.open(copied) as opened:
        assert opened.n_frames == 1


def test_signed_pictures_have_the_pixels_of_the_outputs(signed: Path, tmp_path: Path) -> None:
    for path in ("a.jpg", "a.png"):
        with Image.open(signed / path) as ours, Image.open(tmp_path / "out" / path) as theirs:
            assert ours.tobytes() == theirs.tobytes()


def test_what_no_step_changed_is_left_out_and_the_index_names_the_rest(
    signed: Path, story: list[dict[str, Any]]
) -> None:
    told = [json.loads(line) for line in (signed / "signed.jsonl").read_text().splitlines()]
    assert [one["path"] for one in told] == list(FILES)
    assert {one["state"] for one in told} == {"Trusted"}
    assert [one["output"] for one in told] == [one["digest"] for one in story[1]["outputs"]]
    for one in told[:2]:
        assert hashlib.sha256((signed / one["path"]).read_bytes()).hexdigest() == one["signed"]
    assert sorted(path.name for path in signed.rglob("*") if path.is_file()) == [
        "a.jpg",
        "a.png",
        "a.tif.c2pa",
        "signed.jsonl",
    ]


def test_a_statement_in_the_scan_is_carried_as_an_ingredient(
    story: list[dict[str, Any]], params: C2paParams, tmp_path: Path, put: Any
) -> None:
    write(iter(story), tmp_path / "first", params)
    again = put("scans", "signed.jpg", (tmp_path / "first" / "a.jpg").read_bytes())
    write(iter([story[0], {**story[1], **again}]), tmp_path / "second", params)
    store = jumbf.store_in_jpeg((tmp_path / "second" / "a.jpg").read_bytes())
    statement = jumbf.Statement.of(store)
    scan = statement.named(statement.actions[0]["parameters"]["ingredients"][0]).value
    assert scan["activeManifest"]["url"].startswith("self#jumbf=/c2pa/urn:c2pa:")


@pytest.mark.parametrize("change", [Path.unlink, lambda path: path.write_bytes(b"other")])
def test_without_the_scan_the_statement_says_what_the_record_says(
    story: list[dict[str, Any]],
    params: C2paParams,
    tmp_path: Path,
    authority: Authority,
    change: Any,
) -> None:
    change(Path(story[1]["file"]))
    write(iter(story), tmp_path / "signed", params)
    statement, file = statement_of(tmp_path / "signed", "a.jpg")
    statement.verify(file, authority.certificate)
    told = json.loads((tmp_path / "signed" / "signed.jsonl").read_text().splitlines()[0])
    assert told["scan_was_read"] is False


def test_nothing_is_signed_that_is_not_as_it_was_recorded(
    story: list[dict[str, Any]], params: C2paParams, tmp_path: Path
) -> None:
    (tmp_path / "out" / "a.png").write_bytes(b"other")
    with pytest.raises(UsageError, match=r"a\.png is not as it was recorded"):
        write(iter(story), tmp_path / "signed", params)


def test_where_nothing_was_changed_there_is_nothing_to_sign(
    story: list[dict[str, Any]], params: C2paParams, tmp_path: Path
) -> None:
    untouched = [story[0], *story[2:]]
    with pytest.raises(UsageError, match="nothing to sign"):
        write(iter(untouched), tmp_path / "signed", params)


# --- keys ---------------------------------------------------------------------------------------


def _refused(rows: Any, params: C2paParams, tmp_path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        write(iter(rows), tmp_path / "signed", params)
    assert not (tmp_path / "signed").exists()
    assert "Cure: " in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ["certificate", "key"])
def test_a_file_that_was_not_named_is_asked_for(
    story: Any, params: C2paParams, tmp_path: Path, name: str
) -> None:
    told = _refused(story, dataclasses.replace(params, **{name: ""}), tmp_path)
    assert f"--set {name}=FILE" in told
    assert f"ARCHIVIST_C2PA_{name.upper()}" in told


@pytest.mark.parametrize("name", ["certificate", "key", "trust"])
def test_a_file_that_is_not_there_is_named(
    story: Any, params: C2paParams, tmp_path: Path, name: str
) -> None:
    told = _refused(story, dataclasses.replace(params, **{name: "/nowhere.pem"}), tmp_path)
    assert "/nowhere.pem is not there" in told


@pytest.mark.parametrize("name", ["certificate", "key", "trust"])
def test_a_file_of_another_kind_is_refused(
    story: Any, params: C2paParams, tmp_path: Path, name: str
) -> None:
    (tmp_path / "text.pem").write_text("no PEM at all")
    changed = dataclasses.replace(params, **{name: str(tmp_path / "text.pem")})
    assert "in PEM" in _refused(story, changed, tmp_path)


def test_an_expired_certificate_is_refused_with_its_date(
    story: Any, params: C2paParams, tmp_path: Path, authority: Authority, studio: Any
) -> None:
    old = authority.issue(studio, begins=NOW - 3 * DAY, ends=NOW - 2 * DAY)
    Path(params.certificate).write_bytes(pem(old, authority.certificate))
    told = _refused(story, params, tmp_path)
    assert f"expired on {NOW - 2 * DAY:%Y-%m-%d}" in told
    assert "CN=Studio" in told


def test_a_certificate_of_tomorrow_is_refused(
    story: Any, params: C2paParams, tmp_path: Path, authority: Authority, studio: Any
) -> None:
    early = authority.issue(studio, begins=NOW + DAY, ends=NOW + 2 * DAY)
    Path(params.certificate).write_bytes(pem(early, authority.certificate))
    assert "is not valid before" in _refused(story, params, tmp_path)


def test_a_key_of_another_certificate_is_refused(
    story: Any, params: C2paParams, tmp_path: Path
) -> None:
    Path(params.key).write_bytes(key_pem(ec.generate_private_key(ec.SECP256R1())))
    assert "is not the key of the first certificate" in _refused(story, params, tmp_path)


def test_a_locked_key_is_refused(
    story: Any, params: C2paParams, tmp_path: Path, studio: Any
) -> None:
    lock = serialization.BestAvailableEncryption(b"secret")
    Path(params.key).write_bytes(key_pem(studio, lock))
    assert "locked by a passphrase" in _refused(story, params, tmp_path)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ec.generate_private_key(ec.SECP256K1()),
        lambda: rsa.generate_private_key(65537, 1024),
    ],
)
def test_a_key_that_c2pa_does_not_sign_with_is_refused(
    story: Any, params: C2paParams, tmp_path: Path, make: Any
) -> None:
    Path(params.key).write_bytes(key_pem(make()))
    assert "of a kind that C2PA does not sign with" in _refused(story, params, tmp_path)


def test_a_certificate_for_another_purpose_is_refused(
    story: Any, params: C2paParams, tmp_path: Path, authority: Authority, studio: Any
) -> None:
    server = authority.issue(studio, purpose=ExtendedKeyUsageOID.SERVER_AUTH)
    Path(params.certificate).write_bytes(pem(server, authority.certificate))
    assert "is not one to sign documents with" in _refused(story, params, tmp_path)


def test_a_certificate_that_vouches_for_itself_is_refused(
    story: Any, params: C2paParams, tmp_path: Path, studio: Any
) -> None:
    own = (
        draft(subject("Self"), subject("Self"), studio.public_key())
        .add_extension(SIGNING, critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
        )
        .sign(studio, hashes.SHA256())
    )
    Path(params.certificate).write_bytes(pem(own))
    assert "vouches for itself" in _refused(story, params, tmp_path)


def test_a_chain_in_the_wrong_order_is_refused(
    story: Any, params: C2paParams, tmp_path: Path, authority: Authority, studio: Any
) -> None:
    other = Authority.make("Somebody else")
    Path(params.certificate).write_bytes(pem(authority.issue(studio), other.certificate))
    assert "did not issue" in _refused(story, params, tmp_path)


def test_a_chain_that_leads_to_nobody_trusted_is_refused(
    story: Any, params: C2paParams, tmp_path: Path
) -> None:
    Path(params.trust).write_bytes(pem(Authority.make("Somebody else").certificate))
    with pytest.raises(UsageError, match="does not lead to one that is trusted"):
        write(iter(story), tmp_path / "signed", params)


def test_without_trusted_ones_the_statement_is_valid_and_no_more(
    story: Any, params: C2paParams, tmp_path: Path
) -> None:
    write(iter(story), tmp_path / "signed", dataclasses.replace(params, trust=""))
    told = (tmp_path / "signed" / "signed.jsonl").read_text().splitlines()
    assert {json.loads(line)["state"] for line in told} == {"Valid"}


def test_the_environment_may_name_certificate_and_key(
    story: Any, params: C2paParams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARCHIVIST_C2PA_CERTIFICATE", params.certificate)
    monkeypatch.setenv("ARCHIVIST_C2PA_KEY", params.key)
    write(iter(story), tmp_path / "signed", C2paParams())
    assert (tmp_path / "signed" / "a.jpg").is_file()


def test_without_the_library_the_cure_is_an_extra(
    story: Any, params: C2paParams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)
    assert "pip install 'archivist-exports[c2pa]'" in _refused(story, params, tmp_path)
