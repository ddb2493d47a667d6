"""The `archivist` command: a group whose commands are imported only when they are used.

``archivist --help`` must answer within 0.3 s, so this module imports click and nothing else.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from typing import Any

import click

from archivist import __version__
from archivist.cli.exits import Exit
from archivist.cli.extra import plugin_commands

COMMANDS: Mapping[str, tuple[str, str]] = {
    "run": ("archivist.cli.run:run", "Restore a folder tree of scans; the same command goes on."),
    "scan": ("archivist.cli.scan:scan", "Find and identify the scans; write them to the catalog."),
    "plan": ("archivist.cli.plan:plan", "Say what a run would do, why, and what it would cost."),
    "status": ("archivist.cli.status:status", "Show the runs and where they stand."),
    "report": ("archivist.cli.report:report", "Write the report of a run: HTML, CSV, JSON."),
    "audit": ("archivist.cli.audit:audit", "Show how a photograph came to be, step by step."),
    "explain": ("archivist.cli.explain:explain", "Say where one pixel's texture came from."),
    "query": (
        "archivist.cli.query:query",
        "List what was made with weights, a plugin, a reference.",
    ),
    "diff": ("archivist.cli.diff:diff", "Compare two runs and what came out of them."),
    "references": (
        "archivist.cli.references:references",
        "Show which photographs lent texture, and to which.",
    ),
    "verify": ("archivist.cli.verify:verify", "Check originals, outputs, store and weights."),
    "replay": ("archivist.cli.replay:replay", "Do recorded steps again; does the same come out?"),
    "certify": ("archivist.cli.certify:certify", "Try an upgrade of a step on recorded results."),
    "ledger": ("archivist.cli.ledger:ledger", "Prove that the record was not changed; keys."),
    "artifacts": ("archivist.cli.artifacts:artifacts", "List or export masks and other results."),
    "review": ("archivist.cli.review:review", "Approve or reject results; approved ones stay."),
    "recipes": ("archivist.cli.recipes:recipes", "List the recipes and their steps."),
    "plugins": ("archivist.cli.plugins:plugins", "List, show and check the plugins."),
    "weights": ("archivist.cli.weights:weights", "List, import and verify trained weights."),
    "store": ("archivist.cli.store:store", "Check the store; remove what nothing points to."),
    "catalog": ("archivist.cli.catalog:catalog", "Show or upgrade the catalog."),
    "config": ("archivist.cli.config:config", "Show the settings in force, or an example."),
    "doctor": ("archivist.cli.doctor:doctor", "Check the installation and say what to mend."),
}
"""Name -> (where the command is, one line of help)."""


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports each on first use."""

    def invoke(self, ctx: click.Context) -> Any:
        """Carry out a command; output that nobody reads any more (`| head`) is no fault."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            if not _is_unread():
                raise
            raise click.exceptions.Exit(Exit.UNREAD) from error

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names: ours in the order of the work, then those of plugins."""
        return [*COMMANDS, *sorted(name for name in plugin_commands() if name not in COMMANDS)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command, or None when there is none of this name."""
        if cmd_name in COMMANDS:
            return _imported(COMMANDS[cmd_name][0])
        target = plugin_commands().get(cmd_name)
        if target is None:
            return None
        try:
            return _imported(target)
        except Exception as error:
            from archivist.api.errors import PluginError

            raise PluginError(
                target.partition(".")[0],
                f"its command {cmd_name} cannot be loaded ({type(error).__name__}: {error}). "
                "Cure: install that plugin anew, or remove it",
            ) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any of them."""
        rows = [(name, text) for name, (_, text) in COMMANDS.items()]
        extra = [(n, f"From {t.partition('.')[0]}.") for n, t in sorted(plugin_commands().items())]
        for title, table in (("Commands", rows), ("Commands of plugins", extra)):
            if table:
                with formatter.section(title):
                    formatter.write_dl(table)


def _imported(target: str) -> click.Command:
    module, _, name = target.partition(":")
    command: click.Command = getattr(importlib.import_module(module), name)
    return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="archivist")
def cli() -> None:
    """Restore archives of scanned photographs, and record how each result came to be."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with a code of :class:`Exit`."""
    sys.exit(invoke(arguments))


def invoke(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        result: Any = cli.main(args=arguments, standalone_mode=False, prog_name="archivist")
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.Abort:
        click.echo("Stopped. The same command goes on.", err=True)
        return Exit.INTERRUPTED
    except click.ClickException as error:
        error.show()
        return Exit.USAGE
    except KeyboardInterrupt:
        click.echo("Stopped at once. The same command goes on.", err=True)
        return Exit.INTERRUPTED
    except Exception as error:  # noqa: BLE001 (the last border: whatever is left is our fault)
        return _failed(error)
    return int(result) if isinstance(result, int) else Exit.FINE


def _is_unread() -> bool:
    """Tell whether what read our output has ended; what is left of it is then thrown away."""
    try:
        sys.stdout.write("\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would try again to write it when it ends, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


def _failed(error: Exception) -> int:
    # Imported when it is needed: it takes 30 ms, as long as starting Python.
    from archivist.api.errors import ArchivistError, UsageError, WeightsCorrupt, WeightsMissing

    if not isinstance(error, ArchivistError):
        return _fault(error)
    click.echo(f"Error: {error}", err=True)
    # Weights are looked for before any work is done; the user can bring them, so it is no fault.
    curable = (UsageError, WeightsMissing, WeightsCorrupt)
    return Exit.USAGE if isinstance(error, curable) else Exit.FAULT


def _fault(error: Exception) -> int:
    import traceback

    traceback.print_exception(error)
    click.echo(
        "This is a fault of archivist. Nothing that was recorded is lost; "
        "please report it with the lines above.",
        err=True,
    )
    return Exit.FAULT
