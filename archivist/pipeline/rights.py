"""Rights at work: what the manifest denies to the files of a run, when it is planned and later.

:class:`Gate` answers for one reading of the manifest. :class:`RightsWatch` reads it again when it
changes while a run goes, and tells the workers.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from archivist.api.errors import ConfigError, UsageError
from archivist.catalog import queries
from archivist.catalog.bulk import pages
from archivist.catalog.found import FoundFile, files_of_run
from archivist.catalog.session import Catalog
from archivist.model import Recipe
from archivist.pipeline.job import Desk, Job
from archivist.plan import takes_lookalikes
from archivist.plugins import Plugins
from archivist.rights import COLUMN, Act, Denials, Rights, acts_of
from archivist.scan import Manifest, read_manifest
from archivist.store.atomic import replacing

POLL_SECONDS = 1.0
"""So often the manifest's size and time are looked at: one call of the operating system."""


class Gate:
    """What rights deny to photographs, by what is known of them and by the manifest as it is now.

    A file that lies at several places may have a row for each: what any of them denies is denied.
    """

    def __init__(self, rights: Rights, manifest: Manifest | None) -> None:
        self._rights, self._manifest = rights, manifest

    def of(self, file: FoundFile) -> dict[str, str]:
        """Return what is denied to a file: act -> reason."""
        if self._rights.silent:
            return {}
        rows = [asset.facts for asset in file.assets[:1]]
        if self._manifest is not None:
            rows += [self._manifest.facts(path) for path in file.paths]
        return self._rights.denials(*rows)


def gate_of(job: Job) -> Gate:
    """Return the gate of a job, with its manifest as it is now."""
    rights = Rights(job.settings.rights)
    name = job.settings.scan.manifest
    manifest = read_manifest(Path(name)) if name and not rights.silent else None
    return Gate(rights, manifest)


def check_policy(job: Job, columns: Sequence[str]) -> None:
    """Raise UsageError for rules that could never fit: all would be allowed in silence."""
    settings = job.settings.rights
    rules = [rule for rule in settings.rules if rule.deny]
    if not rules and not settings.unlisted:
        return
    if not job.settings.scan.manifest:
        raise UsageError(
            "the configuration has rules under [rights], and no manifest that tells the rights. "
            "Cure: --manifest FILE, or scan.manifest in the configuration"
        )
    wanted = {rule.column for rule in rules} | ({COLUMN} if settings.unlisted else set())
    missing = sorted(wanted - set(columns))
    if missing:
        raise UsageError(
            f"the rules under [rights] ask for {', '.join(missing)}, which is no column of "
            f"{job.settings.scan.manifest}. Its columns: {', '.join(columns)}. "
            "Cure: correct `column` in the rule, or add the column"
        )


def check_rules_kept(job: Job, catalog: Catalog) -> None:
    """Raise UsageError when rules that the last run obeyed are gone because no file was named."""
    if job.config_file is not None or not Rights(job.settings.rights).silent:
        return
    last = next(iter(queries.runs(catalog, limit=1, command="run")), None)
    if last is None or not _has_rules(last.settings):
        return
    raise UsageError(
        f"the last run obeyed the rules under [rights] in {last.settings['config']}, and this one "
        "has none: what they forbid would be done. Cure: --config with that file, or with one "
        "whose rules hold now, if they hold no more"
    )


def _has_rules(settings: Mapping[str, Any]) -> bool:
    """Tell whether the recorded settings of a run came from a file and could deny anything."""
    if not settings.get("config"):
        return False
    rights = settings.get("settings", {}).get("rights", {})
    rules = (rule.get("deny") for rule in rights.get("rules", ()))
    return bool(rights.get("unknown") or rights.get("unlisted") or any(rules))


def acts_of_recipe(recipe: Recipe, plugins: Plugins) -> frozenset[str]:
    """Return the acts that a recipe would carry out."""
    specs = [plugins.steps[step.step] for step in recipe.steps]
    lending = [Act.REFERENCE] if any(map(takes_lookalikes, specs)) else []
    return frozenset([*lending, *(act for spec in specs for act in acts_of(spec))])


def note_rights(desk: Desk) -> None:
    """Record as events what rights deny to the scans of a run, or allow again."""
    if Rights(desk.job.settings.rights).silent and not queries.events(
        desk.catalog, type="rights.denied", limit=1
    ):
        return
    _note(desk, denied_files(desk, gate_of(desk.job)))


def denied_files(desk: Desk, gate: Gate) -> Iterator[tuple[FoundFile, dict[str, str]]]:
    """Yield the files that the run's scan saw, with what is denied of what the recipe would do."""
    acts = acts_of_recipe(desk.recipe, desk.plugins)
    for file in files_of_run(desk.catalog, desk.run):
        yield file, {act: why for act, why in gate.of(file).items() if act in acts}


def not_lending(desk: Desk) -> dict[str, str]:
    """Return the uids of photographs that may lend nothing, with the reason: rights, withdrawn."""
    silent = Rights(desk.job.settings.rights).silent
    found = {
        asset.uid: denied[Act.REFERENCE]
        for file, denied in (() if silent else denied_files(desk, gate_of(desk.job)))
        if Act.REFERENCE in denied
        for asset in file.assets
    }
    for uid, one in queries.withdrawals(desk.catalog).items():
        found[uid] = f"withdrawn by {one.by}" + (f": {one.reason}" if one.reason else "")
    return found


def _note(desk: Desk, files: Iterable[tuple[FoundFile, Mapping[str, str]]]) -> None:
    uids = ((asset.uid, denied) for file, denied in files for asset in file.assets)
    for page in pages(uids):
        desk.writer.note_denials(desk.run, dict(page))


class RightsWatch:
    """Watches the manifest while a run goes, and tells workers what is denied since its plan.

    Workers read what is denied from one small file in the scratch space, which all of them see.
    A manifest that cannot be read (it may be half written) leaves in force what was known.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        name = desk.job.settings.scan.manifest
        self._manifest = Path(name) if name else None
        self._rights = Rights(desk.job.settings.rights)
        self._seen = self._state()
        self._news: list[tuple[FoundFile, dict[str, str]]] = []
        self._notes: list[str] = []
        self._said: set[str] = set()
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None
        self.path: Path | None = None

    def begin(self, path: str, desk: Desk) -> RightsWatch:
        """Watch for a run that begins its work; ``path`` is the file for the workers, if any."""
        self.path, self._desk = Path(path) if path else None, desk
        return self

    def __enter__(self) -> RightsWatch:
        if self._manifest is not None and not self._rights.silent:
            self._thread = threading.Thread(target=self._poll, name="rights", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def look(self) -> None:
        """Read the manifest again if it changed since the last look."""
        if self._manifest is None or self._rights.silent or self.path is None:
            return
        with self._lock:
            state = self._state()
            if state == self._seen:
                return
            try:
                news = self._read(self._manifest, self.path)
            except (UsageError, OSError) as error:
                self._say(f"{error}. The rights known before stay in force")
                if not isinstance(error, ConfigError):
                    return  # it is no fault of the manifest: try again at the next look
            else:
                self._news = news
            self._seen = state

    def _read(self, manifest: Path, path: Path) -> list[tuple[FoundFile, dict[str, str]]]:
        """Return what a manifest denies now, and tell the workers."""
        gate = Gate(self._rights, read_manifest(manifest))
        news = list(denied_files(self._desk, gate))
        _write(path, {file.digest: denied for file, denied in news if denied})
        return news

    def record(self) -> None:
        """Write what was found into the catalog, and tell people. For the thread of the writer."""
        with self._lock:
            news, notes = self._news, self._notes
            self._news, self._notes = [], []
        for note in notes:
            self._desk.watcher.note(note)
        if news:
            _note(self._desk, news)

    def _say(self, note: str) -> None:
        """Keep a note for people, once."""
        if note not in self._said:
            self._said.add(note)
            self._notes.append(note)

    def _poll(self) -> None:
        while not self._ended.wait(POLL_SECONDS):
            self.look()

    def _state(self) -> tuple[int, int] | None:
        if self._manifest is None:
            return None
        try:
            facts = self._manifest.stat()
        except OSError:
            return None
        return facts.st_mtime_ns, facts.st_size


def _write(path: Path, denied: Mapping[str, Denials]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(denied), encoding="utf-8")
