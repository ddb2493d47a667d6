"""A configuration that cannot work is refused with file, key and cure, before anything is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from archivist.api.errors import ConfigError
from archivist.cli.main import invoke
from archivist.config import load


def loaded(folder: Path, text: str):
    path = folder / "archivist.toml"
    path.write_text(text)
    return load(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[scan]\nmax_megapixels = inf", "scan.max_megapixels: inf is not a finite.*1e9: none"),
        ("[scan]\nmax_megapixels = nan", "scan.max_megapixels: nan is not a finite number"),
        ("[schedule]\nstream_above_megapixels = inf", "stream_above_megapixels.*Cure.*1e9: none"),
        ("[schedule]\nmemory_mib = inf", "schedule.memory_mib: inf.*Cure.*0: what is free"),
        ("[review]\nweights = { change = nan }", "review.weights.change: nan is not a finite"),
        ('[recipes.a]\nsteps = [{ use = "a.b" }]\nseed = 18446744073709551616', "seed.*64 bits"),
    ],
)
def test_numbers_that_nothing_can_reckon_with_are_refused(tmp_path, text, message):
    with pytest.raises(ConfigError, match=f"(?s)archivist.toml: .*{message}"):
        loaded(tmp_path, text)


@pytest.mark.parametrize("folder", [".", "./access", "/", "/access", "a//b", "a/..", "a\\u0000b"])
def test_a_folder_of_a_profile_that_is_no_plain_path_is_refused(tmp_path, folder):
    text = f'[[output.profiles]]\nname = "a"\nfolder = "{folder}"'
    with pytest.raises(ConfigError, match=r"profiles\[0\].folder: .* inside the output.*Cure: "):
        loaded(tmp_path, text)


def test_a_folder_of_a_profile_may_end_in_a_slash(tmp_path):
    text = '[[output.profiles]]\nname = "a"\nfolder = "access/small/"'
    assert loaded(tmp_path, text).output.profiles[0].folder == "access/small"


def test_folders_that_differ_by_a_slash_are_the_same(tmp_path):
    profiles = '[[output.profiles]]\nname = "{0}"\nfolder = "access{1}"\n'
    with pytest.raises(ConfigError, match="same folder"):
        loaded(tmp_path, profiles.format("a", "") + profiles.format("b", "/"))


def test_a_weight_of_no_measure_is_refused_before_the_scan(tmp_path, capsys):
    config = tmp_path / "archivist.toml"
    config.write_text("[review]\nweights = { chnage = 0.5 }\n")
    (tmp_path / "scans").mkdir()
    out = tmp_path / "out"

    code = invoke(["run", str(tmp_path / "scans"), "--out", str(out), "--config", str(config)])

    assert code == 2
    assert f"{config}: review.weights: unknown name 'chnage'. Did you mean 'change'?" in (
        capsys.readouterr().err
    )
    assert not out.exists()
