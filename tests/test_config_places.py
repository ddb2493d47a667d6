"""Relative paths of a configuration count from the folder of its file."""

from __future__ import annotations

from pathlib import Path

import pytest

from archivist.config import load

TEXT = """
[scan]
manifest = "album.csv"
[catalog]
url = "sqlite:///records/catalog.sqlite"
[ledger]
signing_key = "keys/own.pem"
public_keys = ["keys/old.pem", "/safe/first.pem"]
[publish]
folder = "../exports"
[weights]
folder = "~/weights"
[recipes.mine]
steps = [{ use = "scratch.repair" }]
inputs = { mask = "masks" }
"""


@pytest.mark.parametrize(
    ("given_in", "named"), [(".", "conf/own.toml"), ("elsewhere", "../conf/own.toml")]
)
def test_paths_count_from_the_file_wherever_a_command_is_given(
    tmp_path, monkeypatch, given_in, named
):
    for folder in ("home", "elsewhere", "conf"):
        (tmp_path / folder).mkdir()
    (tmp_path / "conf" / "own.toml").write_text(TEXT)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / given_in)

    found = load(Path(named))

    conf = tmp_path / "conf"
    named_paths = (
        found.scan.manifest,
        found.catalog.url.removeprefix("sqlite:///"),
        found.ledger.signing_key,
        found.ledger.public_keys[0],
        found.publish.folder,
        found.recipes["mine"].inputs["mask"],
    )
    assert [Path(one).resolve() for one in named_paths] == [
        conf / "album.csv",
        conf / "records" / "catalog.sqlite",
        conf / "keys" / "own.pem",
        conf / "keys" / "old.pem",
        tmp_path / "exports",
        conf / "masks",
    ]
    assert all(Path(one).is_absolute() for one in named_paths)
    assert found.ledger.public_keys[1] == "/safe/first.pem"
    assert found.weights.folder == str(tmp_path / "home" / "weights")


@pytest.mark.parametrize(
    "url", ["", "sqlite:////srv/c.sqlite", "sqlite:///:memory:", "postgresql+psycopg://host/name"]
)
def test_what_is_no_relative_path_stays(tmp_path, url):
    file = tmp_path / "archivist.toml"
    file.write_text(f'[catalog]\nurl = "{url}"\n')

    found = load(file)

    assert found.catalog.url == url
    assert found.scan.manifest == found.weights.folder == found.publish.folder == ""
