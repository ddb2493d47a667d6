"""Options that several commands share, and what they mean."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click

from archivist.api.errors import UsageError

if TYPE_CHECKING:
    from archivist.cli.progress import Progress
    from archivist.config import Settings
    from archivist.pipeline import Job

F = TypeVar("F", bound=Callable[..., Any])

FILE = click.Path(path_type=Path)
FOLDER = click.Path(path_type=Path, file_okay=False)

config_option = click.option(
    "--config", "config_file", type=FILE, help="A TOML file; see `archivist config example`."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON for programs.")
out_option = click.option("--out", type=FOLDER, help="The folder where a run wrote.")
catalog_option = click.option(
    "--catalog", "catalog_url", metavar="URL", help="The catalog, as a SQLAlchemy URL."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the catalog and the outputs of a command are."""

    settings: Settings
    config_file: Path | None
    out: Path | None
    catalog_url: str

    @property
    def home(self) -> Path:
        """The folder of archivist inside the output folder. Raises UsageError without --out."""
        if self.out is None:
            raise UsageError("this needs --out DIR, the folder where the run wrote")
        return self.out / ".archivist"

    @property
    def journal_home(self) -> Path | None:
        """Where the journal of a catalog lies that does not know it; None without --out."""
        return self.home if self.out is not None else None

    @property
    def store(self) -> Path:
        """The folder of stored artifacts."""
        return self.home / "store"


def place(
    out: Path | None, catalog_url: str | None, config_file: Path | None, *, must_exist: bool = True
) -> Place:
    """Return where things are. Raises UsageError when neither --out nor --catalog says so."""
    from archivist.config import default_catalog, load

    settings = load(config_file)
    url = catalog_url or settings.catalog.url
    if not url and out is None:
        raise UsageError("say where the run wrote with --out DIR, or name it with --catalog URL")
    if out is not None and must_exist and not out.is_dir():
        raise UsageError(f"{out} is no folder; --out is the folder that `archivist run` wrote to")
    if not url and out is not None:
        url = default_catalog(out)
    return Place(settings=settings, config_file=config_file, out=out, catalog_url=url)


def folder_of(name: str, catalog_url: str | None) -> Path | None:
    """Return the output folder in which a file lies, if it lies in one."""
    file = Path(name).absolute()
    if catalog_url or not file.exists():
        return None
    return next((one for one in file.parents if (one / ".archivist").is_dir()), None)


def catalog_options(function: F) -> F:
    """Add --out, --catalog, --config and --json to a command that reads a catalog."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    decorated: Any = wrapper
    for option in (json_option, config_option, catalog_option, out_option):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]


def scan_options(function: F) -> F:
    """Add SCANS and the options that say which files are scans, and where the record is kept."""
    return _decorated(
        function,
        click.option("--operator", default="", help="Who is responsible, for the record."),
        click.option("--sample", type=click.IntRange(1), help="Only so many of these files."),
        click.option("--manifest", type=FILE, help="A CSV that describes the scans."),
        click.option("--out", type=FOLDER, required=True, help="The folder to write to."),
        click.argument("scans", type=FOLDER),
    )


def job_options(function: F) -> F:
    """Add SCANS and the options that say what is asked of the pipeline."""
    asked = _decorated(
        function,
        click.option(
            "--exclude",
            metavar="ASSET",
            multiple=True,
            help="Never a reference: a path, inventory number or SHA-256 of a scan or an output; "
            "may be given again.",
        ),
        click.option(
            "--retry", is_flag=True, help="Describe again the pictures for which that failed."
        ),
        click.option("--where", metavar="EXPR", help="Only these assets: 'width > 1000'."),
        click.option("--recipe", help="The name of a recipe; see `archivist recipes`."),
    )
    return scan_options(asked)


def _decorated(function: F, *decorators: Callable[[Any], Any]) -> F:
    """Apply decorators one after the other; the help lists the last one first."""
    decorated: Any = function
    for decorate in decorators:
        decorated = decorate(decorated)
    return decorated  # type: ignore[no-any-return]


def make_job(options: Mapping[str, Any]) -> Job:
    """Return the job that the options of a command describe. Raises UsageError."""
    from dataclasses import replace

    from archivist.config import load, named_in_errors
    from archivist.pipeline import Job
    from archivist.review.measures import weighted

    config_file: Path | None = options.get("config_file")
    settings = load(config_file)
    weighted(settings.review.weights, where=named_in_errors(config_file))
    if options.get("manifest"):
        manifest = str(options["manifest"].resolve())
        settings = replace(settings, scan=replace(settings.scan, manifest=manifest))
    if options.get("exclude"):
        excluded = (*settings.references.excluded, *options["exclude"])
        references = replace(settings.references, excluded=excluded)
        settings = replace(settings, references=references)
    scans: Path = options["scans"]
    if not scans.is_dir():
        raise UsageError(f"{scans} is no folder. Cure: give the folder that holds the scans")
    return Job(
        scans=scans.resolve(),
        out=options["out"].resolve(),
        settings=settings,
        config_file=config_file.resolve() if config_file else None,
        recipe=options.get("recipe"),
        catalog_url=options.get("catalog_url") or "",
        scheduler=options.get("scheduler") or settings.schedule.scheduler,
        workers=options.get("workers") or settings.schedule.workers or None,
        sample=options.get("sample") or 0,
        where=options.get("where"),
        fail_fast=bool(options.get("fail_fast")),
        operator=options.get("operator") or "",
        override=bool(options.get("override")),
        retry=bool(options.get("retry")),
        reread=bool(options.get("reread")),
    )


def watcher_for(as_json: bool, lines: TextIO) -> Progress:
    """Return the display of progress: a bar, plain lines, or JSON lines, which go to ``lines``."""
    from archivist.cli.progress import Progress

    return Progress(as_json=as_json, out=lines)
