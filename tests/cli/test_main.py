"""The outermost call: what became of a command is told by its exit code and one clear line."""

from __future__ import annotations

import os

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


def test_output_that_nobody_reads_to_its_end_is_no_fault(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", encoding="utf-8") as stdout:
        monkeypatch.setattr("sys.stdout", stdout)
        assert invoke(["recipes"]) == Exit.UNREAD
    assert capsys.readouterr().err == ""


def test_a_command_of_a_plugin_that_cannot_be_loaded_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "archivist.cli.main.plugin_commands", lambda: {"bleach": "gone_plugin.cli:command"}
    )
    assert invoke(["bleach"]) == Exit.FAULT
    told = capsys.readouterr().err
    assert told.startswith("Error: ")
    assert "bleach" in told
    assert "No module named 'gone_plugin'" in told
    assert "Cure: install that plugin anew" in told


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_listed_command_exists_and_says_what_it_does(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.help


def test_an_unknown_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["restore"]) == Exit.USAGE
    assert "restore" in capsys.readouterr().err
