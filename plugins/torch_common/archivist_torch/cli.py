"""``archivist train``: one command for training, one sub-command for each plugin that can train.

Plugins announce a click command in the entry-point group ``archivist.trainers``; it is imported
only when it is called for.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

import click

GROUP = "archivist.trainers"


class Trainers(click.Group):
    """A group whose sub-commands are entry points."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all trainers, without importing one."""
        return sorted(point.name for point in entry_points(group=GROUP))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one trainer; an import that fails is told with the distribution to mend."""
        for point in entry_points(group=GROUP, name=cmd_name):
            return _load(point)
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List trainers by name and place alone, so that help imports no torch."""
        points = sorted(entry_points(group=GROUP), key=lambda point: point.name)
        if points:
            with formatter.section("Commands"):
                formatter.write_dl([(point.name, f"({point.value})") for point in points])


def _load(point: EntryPoint) -> click.Command:
    try:
        return point.load()
    except ImportError as problem:
        where = point.dist.name if point.dist else point.value
        raise click.ClickException(
            f"trainer {point.name!r} cannot be loaded: {problem}; install {where} again"
        ) from problem


@click.group(cls=Trainers)
def train() -> None:
    """Train the networks of plugins on your own pictures."""
