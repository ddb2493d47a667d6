"""Commands that only list or explain load no heavy library."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from archivist.cli.extra import plugin_commands

HEAVY = ("numpy", "PIL", "cv2", "dask", "distributed", "sqlalchemy", "alembic", "jinja2", "torch")

CODE = """
import json, sys
from archivist.cli.main import invoke
code = invoke(sys.argv[2:])
heavy = [name for name in json.loads(sys.argv[1]) if name in sys.modules]
print(json.dumps([code, heavy]), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("--version",),
        ("plugins", "list"),
        ("plugins", "list", "--json"),
        ("weights", "list"),
        ("config", "example"),
        ("run", "--help"),
    ],
    ids=" ".join,
)
def test_a_light_command_loads_no_heavy_library(arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-c", CODE, json.dumps(HEAVY), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    code, heavy = json.loads(done.stderr.splitlines()[-1])
    assert (code, heavy) == (0, [])


def distribution(site: Path, name: str, entry_points: str) -> None:
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "entry_points.txt").write_text(entry_points)


def test_commands_of_plugins_are_found_without_importing_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distribution(
        tmp_path,
        "frames",
        "[console_scripts]\nframes = f:main\n\n[archivist.commands]\nfilm = no.such:film\n",
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert plugin_commands() == {"film": "no.such:film"}


def test_the_first_distribution_on_the_path_gives_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, target in (("one", "a:film"), ("two", "b:film")):
        distribution(tmp_path / folder, "frames", f"[archivist.commands]\nfilm={target}\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "one"), str(tmp_path / "two"), "/no/such"])
    assert plugin_commands() == {"film": "a:film"}
