"""What commands write never takes the place of scans, outputs or the catalog."""

from __future__ import annotations

import pytest

from archivist.cli.main import invoke


@pytest.fixture
def ran(sample_plugin, scans, tmp_path, capsys):
    """Run a recipe; gives the command line with the output folder, and what is there."""
    config = tmp_path / "archivist.toml"
    config.write_text('recipe = "t"\n[recipes.t]\nsteps = [{ use = "sample.spot" }]\n')
    out = tmp_path / "out"
    words = ["--out", str(out), "--config", str(config)]
    assert invoke(["run", str(scans), *words, "--scheduler", "serial"]) == 0

    def command(*asked):
        capsys.readouterr()
        code = invoke([*map(str, asked), *words])
        return code, capsys.readouterr().err

    command.scans, command.out, command.config = scans, out, config
    return command


def _bytes(folder):
    return {path: path.read_bytes() for path in folder.rglob("*.*") if path.is_file()}


def test_results_are_not_exported_among_the_scans_nor_over_outputs(ran, tmp_path):
    before = _bytes(ran.scans), _bytes(ran.out)
    for to in (ran.scans, ran.scans / "album", ran.scans / "new", ran.out):
        code, err = ran("artifacts", "export", "--all", "--kind", "mask", "--to", to)
        assert (code, "Cure: another folder" in err) == (2, True)
    assert (_bytes(ran.scans), _bytes(ran.out)) == before
    for to in (ran.out / "masks", tmp_path / "elsewhere"):
        assert ran("artifacts", "export", "--all", "--kind", "mask", "--to", to)[0] == 0
        assert (to / "plain.png").exists()


@pytest.mark.parametrize(
    "asked", [("report", "--csv"), ("report", "--html"), ("ledger", "export", "--to")]
)
def test_no_text_is_written_over_a_picture_or_the_catalog(ran, asked):
    catalog = ran.out / ".archivist" / "catalog.sqlite"
    for target, what in ((ran.scans / "photo.jpg", "a picture"), (catalog, "a database")):
        before = target.read_bytes()
        code, err = ran(*asked, target)
        assert code == 2
        assert f"is {what} and is not written over" in err
        assert target.read_bytes() == before


@pytest.mark.parametrize("asked", [("report", "--csv"), ("ledger", "export", "--to")])
def test_no_file_is_named_dash_where_that_does_not_stand_for_the_output(ran, monkeypatch, asked):
    monkeypatch.chdir(ran.out)

    code, err = ran(*asked, "-")

    assert code == 2
    assert "written to a file, not to the output" in err
    assert not (ran.out / "-").exists()


@pytest.mark.parametrize(
    "asked",
    [
        ("audit", "photo.jpg", "--html"),
        ("report", "--html"),
        ("report", "--csv"),
        ("report", "--export", "premis", "--to"),
        ("query", "--made-with", "sample.spot", "--csv"),
        ("diff", "last", "last", "--html"),
        ("ledger", "export", "--to"),
        ("ledger", "prove", "photo.jpg", "--to"),
    ],
    ids=" ".join,
)
def test_no_text_is_written_among_the_scans(ran, tmp_path, asked):
    before = _bytes(ran.scans)
    code, err = ran(*asked, ran.scans / "album" / "new.txt")
    assert (code, "lies among the scans" in err) == (2, True)
    assert _bytes(ran.scans) == before
    for place in (tmp_path / "new.txt", ran.out / "new.txt"):
        assert ran(*asked, place)[0] == 0
        assert place.exists()


def test_scans_that_were_moved_are_spared_too(ran, tmp_path):
    moved = ran.scans.rename(tmp_path / "moved")
    code, err = ran("audit", "photo.jpg", "--scans", moved, "--html", moved / "page.html")
    assert (code, "lies among the scans" in err) == (2, True)
    assert not (moved / "page.html").exists()


def test_a_text_may_be_written_again(ran, tmp_path):
    page = tmp_path / "page.html"
    assert [ran("report", "--html", page)[0] for _ in range(2)] == [0, 0]
