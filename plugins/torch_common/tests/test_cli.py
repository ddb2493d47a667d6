"""``archivist train`` lists trainers without importing them."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import click
import pytest
from click.testing import CliRunner

from archivist_torch import cli


@pytest.fixture
def points(monkeypatch: pytest.MonkeyPatch) -> None:
    known = [
        EntryPoint("good", "tests_of_trainers:command", cli.GROUP),
        EntryPoint("broken", "no_such_module:command", cli.GROUP),
    ]

    def entry_points(*, group: str, name: str | None = None) -> list[EntryPoint]:
        return [p for p in known if group == cli.GROUP and name in (None, p.name)]

    monkeypatch.setattr(cli, "entry_points", entry_points)


@pytest.mark.usefixtures("points")
def test_trainers_are_listed_by_name() -> None:
    result = CliRunner().invoke(cli.train, ["--help"])

    assert "broken" in result.output
    assert "good" in result.output


@pytest.mark.usefixtures("points")
def test_a_trainer_that_cannot_be_imported_says_what_to_install() -> None:
    result = CliRunner().invoke(cli.train, ["broken"])

    assert result.exit_code == 1
    assert "trainer 'broken' cannot be loaded" in result.output


def test_a_trainer_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def hello() -> None:
        click.echo("trained")

    monkeypatch.setattr(cli.Trainers, "get_command", lambda *_: hello)

    assert CliRunner().invoke(cli.train, ["hello"]).output == "trained\n"
