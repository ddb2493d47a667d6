"""What `archivist doctor` looks at: each function yields findings about one subject."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path

from archivist.api.errors import ArchivistError, ConfigError
from archivist.config import Settings, load

FREE_GIB = 2.0
"""Less free disk than this is a problem: one 400-megapixel scan and its output need as much."""
MEMORY_GIB = 2.0
"""Less memory than this is a problem: a worker with a network needs about one."""
OLDEST_PYTHON = (3, 11)


class State(StrEnum):
    """How a subject is."""

    FINE = "fine"
    """As it should be."""
    NOTE = "note"
    """Not there, and not required."""
    PROBLEM = "problem"
    """A run will fail or be wrong until it is mended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found about one subject; ``cure`` says how to mend a problem."""

    subject: str
    state: State
    detail: str
    cure: str = ""


def examine(
    *, out: Path | None, catalog_url: str | None, config_file: Path | None
) -> tuple[Finding, ...]:
    """Look at everything and return what was found, in a fixed order."""
    settings, about_config = _config(config_file)
    return (
        *_python(),
        *_libraries(),
        about_config,
        *_plugins(settings),
        *_weights(config_file if about_config.state is State.FINE else None),
        *_programs(),
        *_devices(),
        *_machine(),
        *_disk(out),
        *_catalog(settings, out, catalog_url),
    )


def _python() -> Iterator[Finding]:
    version = platform.python_version()
    if sys.version_info >= OLDEST_PYTHON:
        yield Finding(subject="Python", state=State.FINE, detail=f"{version} in {sys.prefix}")
    else:
        cure = "install Python 3.11 or newer and make the environment again"
        yield Finding(subject="Python", state=State.PROBLEM, detail=version, cure=cure)


def _libraries() -> Iterator[Finding]:
    needed = [
        _name(text) for text in metadata.requires("archivist") or () if "extra ==" not in text
    ]
    versions, missing = [], []
    for name in sorted(needed, key=str.lower):
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        detail, cure = f"missing: {', '.join(missing)}", f"pip install {' '.join(missing)}"
        yield Finding(subject="Libraries", state=State.PROBLEM, detail=detail, cure=cure)
    yield Finding(subject="Libraries", state=State.FINE, detail=", ".join(versions))


def _name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    return found.group() if found else requirement


def _config(path: Path | None) -> tuple[Settings, Finding]:
    where = str(path or "built-in defaults")
    try:
        settings = load(path)
    except ConfigError as error:
        cure = "mend that key; `archivist config example` shows all keys"
        finding = Finding(
            subject="Configuration", state=State.PROBLEM, detail=str(error), cure=cure
        )
        return Settings(), finding
    return settings, Finding(subject="Configuration", state=State.FINE, detail=where)


def _plugins(settings: Settings) -> Iterator[Finding]:
    from archivist.plugins import PluginState, load_plugins, unknown_plugins

    plugins = load_plugins(settings.plugins.allow or None, settings.plugins.block)
    for info in plugins.infos:
        subject = f"Plugin {info.name}"
        owner = f"{info.distribution} {info.version}"
        if info.state is PluginState.BROKEN:
            detail = f"{owner}: {info.error}"
            cure = f"update {info.distribution}, or name it under [plugins] block"
            yield Finding(subject=subject, state=State.PROBLEM, detail=detail, cure=cure)
        elif info.state is PluginState.BLOCKED:
            detail = f"{owner} {info.kept_out}"
            yield Finding(subject=subject, state=State.NOTE, detail=detail)
        else:
            steps = ", ".join(info.steps) or "no steps"
            detail = f"{owner}, {steps}, loaded in {info.seconds * 1000:.0f} ms"
            yield Finding(subject=subject, state=State.FINE, detail=detail)
    for text in unknown_plugins(plugins, settings.plugins.allow, settings.plugins.block):
        yield Finding(subject="Plugins", state=State.NOTE, detail=text)
    if all(owner.distribution == "archivist" for owner in plugins.owners.values()):
        cure = "pip install archivist-scratch, or another distribution with steps"
        detail = "no installed plugin offers a step"
        yield Finding(subject="Plugins", state=State.PROBLEM, detail=detail, cure=cure)


def _weights(config_file: Path | None) -> Iterator[Finding]:
    from archivist.cli.weights import open_shelf, state_of

    shelf = open_shelf(config_file)
    for weight in shelf.weights.values():
        state, detail = state_of(shelf, weight, verify=True)
        subject = f"Weights {weight.name}"
        if state == "verified":
            yield Finding(subject=subject, state=State.FINE, detail=f"{detail} ({weight.licence})")
        elif state == "missing" and weight.package is None:
            # Imported weights serve params that one need not choose.
            yield Finding(subject=subject, state=State.NOTE, detail=detail)
        else:
            message, _, cure = detail.partition("Cure: ")
            yield Finding(subject=subject, state=State.PROBLEM, detail=message.strip(), cure=cure)


def _programs() -> Iterator[Finding]:
    version = _output("exiftool", "-ver")
    if version is None:
        detail = "not installed, and not required"
        yield Finding(subject="exiftool", state=State.NOTE, detail=detail)
    else:
        yield Finding(subject="exiftool", state=State.FINE, detail=version)


def _devices() -> Iterator[Finding]:
    listing = _output("nvidia-smi", "--query-gpu=index,name,memory.total", "--format=csv,noheader")
    if not listing:
        yield Finding(subject="GPU", state=State.NOTE, detail="none found; networks run on the CPU")
        return
    for line in listing.splitlines():
        index, _, rest = line.partition(", ")
        yield Finding(subject=f"GPU {index}", state=State.FINE, detail=rest)


def _machine() -> Iterator[Finding]:
    import psutil

    total = psutil.virtual_memory().total / 2**30
    free = psutil.virtual_memory().available / 2**30
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Finding(subject="Cores", state=State.FINE, detail=f"{cores} usable")
    detail = f"{total:.1f} GiB, {free:.1f} GiB available"
    if free < MEMORY_GIB:
        cure = "close other programs, or run with --workers 1"
        yield Finding(subject="Memory", state=State.PROBLEM, detail=detail, cure=cure)
    else:
        yield Finding(subject="Memory", state=State.FINE, detail=detail)


def _disk(out: Path | None) -> Iterator[Finding]:
    folder = (out or Path()).absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / 2**30
    detail = f"{free:.1f} GiB free at {folder}"
    if free < FREE_GIB:
        cure = "free some space, or write with --out to another disk"
        yield Finding(subject="Disk", state=State.PROBLEM, detail=detail, cure=cure)
    elif not os.access(folder, os.W_OK):
        cure = "choose a folder that you may write to with --out"
        detail = f"{folder} cannot be written to"
        yield Finding(subject="Disk", state=State.PROBLEM, detail=detail, cure=cure)
    else:
        yield Finding(subject="Disk", state=State.FINE, detail=detail)


def _catalog(settings: Settings, out: Path | None, url: str | None) -> Iterator[Finding]:
    from archivist.cli.options import place

    if not (url or settings.catalog.url or out):
        detail = "not looked at; name it with --out DIR or --catalog URL"
        yield Finding(subject="Catalog", state=State.NOTE, detail=detail)
        return
    if out is not None and not (url or settings.catalog.url or out.exists()):
        detail = f"none yet; the first run makes it in {out / '.archivist'}"
        yield Finding(subject="Catalog", state=State.NOTE, detail=detail)
        return
    try:
        where = place(out, url or settings.catalog.url or None, None)
        revision = _open_catalog(where.catalog_url)
    except ArchivistError as error:
        message, _, cure = str(error).partition("Cure: ")
        cure = cure or "see docs/catalog.md"
        yield Finding(subject="Catalog", state=State.PROBLEM, detail=message.strip(), cure=cure)
    else:
        yield Finding(subject="Catalog", state=State.FINE, detail=revision)


def _open_catalog(url: str) -> str:
    from archivist.catalog.session import open_catalog

    with open_catalog(url, write=False):
        return "can be read"


def _output(*command: str) -> str | None:
    """Return what a program prints, None when it is not installed or fails."""
    if shutil.which(command[0]) is None:
        return None
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
