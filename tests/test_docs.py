"""The documentation works: its settings load, its commands run, its links lead somewhere."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from archivist import config

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("*.md"), *(DOCS / "design").glob("*.md"), *ROOT.glob("*.md")])
FENCE = re.compile(r"^```(?P<info>[^\n`]+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]+\]\((?P<target>[^)\s]+)\)")
EXAMPLE = DOCS / "examples" / "contrast"


@dataclass(frozen=True)
class Block:
    """A block of code: the page it stands on, its info string and its text."""

    page: Path
    info: str
    text: str
    number: int

    def __str__(self) -> str:
        return f"{self.page.stem}-{self.number}"


def blocks(info: str) -> Iterator[Block]:
    for page in PAGES:
        found = FENCE.finditer(page.read_text(encoding="utf-8"))
        for number, match in enumerate(found, start=1):
            if match["info"].strip() == info:
                yield Block(page, info, match["text"], number)


def console_pages() -> list[Path]:
    return sorted({block.page for block in blocks("console run")})


@pytest.mark.parametrize("block", list(blocks("toml")), ids=str)
def test_every_configuration_in_the_docs_loads(block: Block, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(block.text, encoding="utf-8")
    assert config.load(path) != config.load(None)


@pytest.mark.parametrize("block", list(blocks("toml")), ids=str)
def test_every_recipe_in_the_docs_can_be_used(block: Block, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(block.text, encoding="utf-8")
    rows = json.loads(archivist("recipes", "--config", str(path), "--json").stdout)
    mine = tomllib.loads(block.text).get("recipes", {})
    assert [row["problem"] for row in rows if row["name"] in mine] == [""] * len(mine)


@pytest.mark.parametrize("page", console_pages(), ids=lambda page: page.stem)
def test_every_command_marked_to_run_runs_on_a_small_archive(
    page: Path, tiny_archive: Path, tmp_path: Path
) -> None:
    tiny_archive.rename(tmp_path / "scans")
    for block in blocks("console run"):
        if block.page == page:
            for line in block.text.splitlines():
                if line.startswith("$ "):
                    program, *arguments = shlex.split(line.removeprefix("$ "))
                    assert program == "archivist"
                    done = archivist(*arguments, folder=tmp_path)
                    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"


def test_every_python_program_in_the_docs_runs_as_it_stands(
    tiny_archive: Path, tmp_path: Path
) -> None:
    tiny_archive.rename(tmp_path / "scans")
    programs = list(blocks("python run"))
    assert programs
    for block in programs:
        path = tmp_path / f"{block}.py"
        path.write_text(block.text, encoding="utf-8")
        command = [sys.executable, str(path)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)  # noqa: PLW1510
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        assert done.stdout, f"{block} prints nothing"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_within_the_docs_leads_somewhere(page: Path) -> None:
    targets = [match["target"] for match in LINK.finditer(page.read_text(encoding="utf-8"))]
    local = [target.partition("#")[0] for target in targets if "://" not in target]
    assert [target for target in local if target and not (page.parent / target).exists()] == []


def test_every_page_is_reached_from_the_index() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    reached = {(DOCS / match["target"]).resolve() for match in LINK.finditer(index)}
    pages = {page for page in PAGES if DOCS in page.parents and page.name != "index.md"}
    assert pages - reached == set()


def test_the_example_configuration_holds_every_key() -> None:
    assert (ROOT / "config.example.toml").read_text(encoding="utf-8") == config.example()


def test_the_example_configuration_loads() -> None:
    assert config.load(ROOT / "config.example.toml").recipe == config.load(None).recipe


@pytest.mark.parametrize(
    "path",
    [p for p in sorted((ROOT / "news").iterdir()) if p.name != "README.md"],
    ids=lambda path: path.name,
)
def test_every_news_file_has_a_name_and_a_text_that_the_changelog_takes(path: Path) -> None:
    assert re.fullmatch(r"(\d+|\+[a-z0-9-]+)\.(feature|bugfix|doc|removal)\.md", path.name)
    assert path.read_text(encoding="utf-8").strip().endswith(".")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder into which the example plugin was installed."""
    target = tmp_path_factory.mktemp("site")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target"]
    command = [sys.executable, "-m", "pip", "install", *options, str(target), str(EXAMPLE)]
    # What make sets for its own installations contradicts these options.
    environment = {name: value for name, value in os.environ.items() if name[:4] != "PIP_"}
    subprocess.run(command, check=True, env=environment)
    return target


def test_the_example_plugin_is_listed_once_installed(installed: Path) -> None:
    infos = json.loads(archivist("plugins", "list", "--json", site=installed).stdout)
    mine = [info for info in infos if info["distribution"] == "archivist-example-contrast"]
    assert [(info["state"], info["steps"]) for info in mine] == [("loaded", ["example.stretch"])]


def test_the_example_step_keeps_its_promises(installed: Path) -> None:
    done = archivist("plugins", "check", "example.stretch", "--json", site=installed)
    rows = json.loads(done.stdout)
    assert [row for row in rows if row["result"] != "kept"] == []
    assert done.returncode == 0


def test_the_tests_of_the_example_plugin_pass(installed: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLE)]
    done = subprocess.run(command, env=with_site(installed), capture_output=True, text=True)  # noqa: PLW1510
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def test_the_recipe_of_the_tutorial_can_be_used(installed: Path, tmp_path: Path) -> None:
    (block,) = (block for block in blocks("toml example") if "recipes" in block.text)
    path = tmp_path / "config.toml"
    path.write_text(block.text, encoding="utf-8")
    done = archivist("recipes", "--config", str(path), "--json", site=installed)
    (row,) = (row for row in json.loads(done.stdout) if row["name"] == "faded")
    assert row["problem"] == ""


def test_a_plugin_installed_beside_archivist_restores_an_archive(
    installed: Path, tiny_archive: Path, tmp_path: Path
) -> None:
    settings = tmp_path / "config.toml"
    settings.write_text('[recipes.faded]\nsteps = [{ use = "example.stretch", clip = 5 }]\n')
    where = [str(tiny_archive), "--out", str(tmp_path / "out"), "--config", str(settings)]
    command = ["run", *where, "--recipe", "faded", "--scheduler", "serial"]
    done = archivist(*command, site=installed)
    assert done.returncode == 0, done.stdout + done.stderr
    scan = (tiny_archive / "1890s/portrait.jpg").read_bytes()
    assert (tmp_path / "out" / "1890s/portrait.jpg").read_bytes() != scan


def archivist(
    *arguments: str, site: Path | None = None, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own and return what it said."""
    code = "from archivist.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=with_site(site),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def with_site(site: Path | None) -> dict[str, str]:
    paths = [str(site)] if site else []
    return {**os.environ, "PYTHONPATH": os.pathsep.join([*paths, *map(str, [ROOT])])}
