"""The outermost call: what became of a command is told by its exit code and one clear line."""

from __future__ import annotations

import click
import pytest

from archivist.api import PluginError, UsageError, WeightsMissing
from archivist.cli.exits import Exit
from archivist.cli.main import COMMANDS, cli, invoke


def fail_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> int:
    def main(**_: object) -> None:
        raise error

    monkeypatch.setattr(cli, "main", main)
    return invoke(["run"])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("no such recipe"), Exit.USAGE),
        (WeightsMissing("paper"), Exit.USAGE),
        (click.UsageError("no such option"), Exit.USAGE),
        (PluginError("scratch", "broke a promise"), Exit.FAULT),
        (RuntimeError("unforeseen"), Exit.FAULT),
        (KeyboardInterrupt(), Exit.INTERRUPTED),
        (click.Abort(), Exit.INTERRUPTED),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_ends_with_its_exit_code(
    error: BaseException, code: Exit, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fail_with(error, monkeypatch) == code


def test_an_expected_error_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_with(UsageError("there is no recipe 'x'"), monkeypatch)
    assert capsys.readouterr().err == "Error: there is no recipe 'x'\n"


def test_an_unforeseen_error_shows_where_it_happened_and_asks_for_a_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_with(RuntimeError("unforeseen"), monkeypatch)
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert "please report it" in shown


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_listed_command_exists_and_says_what_it_does(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.help


def test_an_unknown_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["restore"]) == Exit.USAGE
    assert "restore" in capsys.readouterr().err
