"""A small archive that was restored, and the commands with which people decide about it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from archivist.cli.main import invoke
from archivist.step import session as sessions

CONFIG = """
recipe = "test"
operator = "Olga Operator"
[recipes.test]
steps = [{ use = "sample.spot" }, { use = "sample.fill" }]
[recipes.colour]
steps = [{ use = "sample.shade" }, { use = "sample.colour" }]
"""


@dataclass
class Desk:
    """Runs commands over the archive; each gives its exit code, output and errors."""

    scans: Path
    out: Path
    config: Path
    capsys: pytest.CaptureFixture[str] = field(repr=False)

    def say(self, *words: str) -> tuple[int, str, str]:
        sessions.session.cache_clear()
        code = invoke([*words, "--out", str(self.out), "--config", str(self.config)])
        said = self.capsys.readouterr()
        return code, said.out, said.err

    def run(self, *words: str) -> tuple[int, str, str]:
        return self.say("run", str(self.scans), "--scheduler", "serial", *words)

    def plan(self, *words: str) -> str:
        return self.say("plan", str(self.scans), "--explain", *words)[1]

    def review(self, *words: str) -> tuple[int, str, str]:
        return self.say("review", *words)

    def rows(self, *words: str) -> list[dict]:
        code, out, err = self.say(*words, "--json")
        assert code == 0, err
        return [json.loads(line) for line in out.splitlines()]

    def settings(self, text: str) -> None:
        self.config.write_text(CONFIG + text)


@pytest.fixture
def desk(sample_plugin, scans, tmp_path, capsys) -> Desk:
    config = tmp_path / "archivist.toml"
    config.write_text(CONFIG)
    return Desk(scans, tmp_path / "out", config, capsys)


@pytest.fixture
def done(desk: Desk) -> Desk:
    """The desk of an archive of which all is restored."""
    desk.run()
    return desk


@pytest.fixture
def step_module() -> Callable[[], None]:
    """Return a function that lets the plugin of the tests be imported anew."""
    return lambda: sys.modules.pop("sample_steps", None)
