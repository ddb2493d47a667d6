"""Answer an auditor's question: find what is asked about, and gather its whole lineage."""

from __future__ import annotations

import dataclasses
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from archivist import __version__
from archivist.api import CodecSpec, StepSpec, UsageError
from archivist.catalog import lineage, queries
from archivist.catalog.finding import SHORTEST, How, Match, by_digest, by_inventory, by_path
from archivist.catalog.finding import read_digest as digest_in
from archivist.catalog.flags import in_force
from archivist.catalog.lineage import Made, Plan, Written
from archivist.catalog.rows import RunRow
from archivist.catalog.session import Catalog
from archivist.hashing import digest_file
from archivist.model import (
    Artifact,
    Asset,
    InputUse,
    StepRecord,
    now,
    path_to_text,
    text_to_path,
)
from archivist.report.audit_rows import (
    CHOSEN,
    REFERENCE,
    SCAN,
    SUPPLIED,
    Audit,
    AuditArtifact,
    AuditFile,
    AuditInput,
    AuditStep,
    Condition,
    Generation,
    Origins,
    Photograph,
    Place,
)
from archivist.report.audit_seal import RecordDigest, Seal, seal_of
from archivist.report.origins import Looker
from archivist.report.words import readable
from archivist.store.blobs import BlobStore

MOST = 50
"""Photographs that one audit tells of; a name that fits more is too short."""
_SNAPSHOT = re.compile(r"\b[0-9a-f]{64}\b")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Folders in place of those that the run recorded, and what is installed here.

    With ``look`` False no picture is opened and no digest computed: quick.
    """

    scans: Path | None = None
    out: Path | None = None
    specs: Mapping[str, StepSpec] = dataclasses.field(default_factory=dict)
    codecs: Mapping[str, CodecSpec] = dataclasses.field(default_factory=dict)
    look: bool = True
    record_digest: RecordDigest | None = None
    """Computes the digest of a record anew; without it records are not compared."""


# --- find -----------------------------------------------------------------------------------


def find(
    catalog: Catalog, asked: str, where: Where, page: int | None = None
) -> tuple[str, tuple[Match, ...], tuple[str, ...]]:
    """Return (SHA-256 of the file that was given, matches, warnings) for a question.

    A file is found by its content, wherever it lies and whatever its name; else ``asked`` may be
    a digest (or its first eight digits), an inventory number, or a recorded path. ``page`` counts
    from 0. Raises UsageError, with what was looked for, when nothing is found.
    """
    file = Path(asked)
    digest = ""
    tried: list[str] = []
    warnings: tuple[str, ...] = ()
    if file.is_dir():
        raise UsageError(f"{asked} is a folder. Cure: name one file, or use archivist report")
    if file.is_file():
        digest = _digest(file)
        if found := by_digest(catalog, digest, page):
            return digest, _chosen(found), ()
        tried.append(f"a scan, output or stored file with the content SHA-256 {digest}")
    else:
        tried.append("a file of this name")
    given = digest_in(asked)
    if given is not None:
        if found := by_digest(catalog, given[0], page if page is not None else given[1]):
            return digest, _chosen(found), ()
        tried.append("a digest of a scan, output, stored file, value or record that begins so")
    found = by_inventory(catalog, path_to_text(asked))
    tried.append("an inventory number")
    if not found:
        found = _at_paths(catalog, asked, where)
        tried.append("a path of a scan or an output, as recorded")
        if found and digest:
            warnings = (
                f"The content of {readable(path_to_text(asked))} is not what was recorded for "
                f"this path: it was changed or replaced by something other than archivist "
                f"(SHA-256 {digest}).",
            )
    if not found:
        _refuse_weights(catalog, digest or (given[0] if given else ""))
        raise UsageError(
            f"the catalog knows nothing of {readable(path_to_text(asked))!r}. It was looked for as "
            f"{'; '.join(tried)}. Cure: give the file itself, the SHA-256 (at least {SHORTEST} "
            "digits), the inventory number, or the path relative to the scans or the outputs"
        )
    if page is not None:
        found = tuple(dataclasses.replace(one, page=page) for one in found)
    return digest, found, warnings


def _refuse_weights(catalog: Catalog, digest: str) -> None:
    """Raise UsageError when somebody asks about trained weights, with the command that answers."""
    for row in queries.weights_seen(catalog):
        if digest and row.weights.digest.startswith(digest):
            raise UsageError(
                f"these are the weights {row.weights.name}, not a photograph. Cure: archivist "
                f"query --uses-weights {row.weights.digest[:12]} lists what was made with them"
            )


def _digest(file: Path) -> str:
    try:
        return digest_file(file)
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"{file} cannot be read: {reason}. Cure: check its permissions") from error


def _chosen(found: Sequence[Match]) -> tuple[Match, ...]:
    """Return what was found as the surest kind of thing: an output before a scan before a mask."""
    files = {one.digest for one in found}
    if len({one.text for one in found}) > 1 and len(files) > 1:
        names = "; ".join(f"{one.how} {one.text}" for one in found[:8])
        raise UsageError(f"several things begin so: {names}. Cure: give more digits")
    best = min(list(How).index(one.how) for one in found)
    return tuple(one for one in found if list(How).index(one.how) == best)


def _at_paths(catalog: Catalog, asked: str, where: Where) -> tuple[Match, ...]:
    """Find a recorded path: relative as it is, absolute below one of the folders."""
    absolute = Path(asked).absolute()
    names = dict.fromkeys([asked, *_below(absolute, _folders(catalog, where))])
    for name in names:
        try:
            if found := by_path(catalog, path_to_text(name)):
                return found
        except ValueError:  # no catalog can hold such a name
            continue
    return ()


def _folders(catalog: Catalog, where: Where) -> list[Path]:
    facts = [row.settings for row in queries.runs(catalog, limit=1)]
    named = [Path(str(one[name])) for one in facts for name in ("scans", "out") if one.get(name)]
    return [folder for folder in (where.scans, where.out, *named) if folder is not None]


def _below(path: Path, folders: Iterable[Path]) -> list[str]:
    return [str(path.relative_to(one)) for one in folders if path.is_relative_to(one)]


# --- gather ---------------------------------------------------------------------------------


def audit(catalog: Catalog, asked: str, where: Where, *, page: int | None = None) -> Audit:
    """Return everything that is known of what is asked about. Raises UsageError, CatalogError."""
    digest, matches, warnings = find(catalog, asked, where, page)
    photographs = []
    for match in dict.fromkeys((one.digest, one.page) for one in matches):
        pages = queries.assets_of(catalog, [match[0]]).get(match[0], ())
        photographs += [one for one in pages if match[1] in (None, one.page)]
    if not photographs:
        raise UsageError("there is no such page. Cure: pages are counted from 1; leave out --page")
    if len(photographs) > MOST:
        raise UsageError(
            f"{len(photographs)} photographs are meant. Cure: name one of them, or give --page"
        )
    asked_for = next((one.written for one in matches if one.written is not None), None)
    replaced = any(one.how is How.REPLACED for one in matches)
    if replaced:
        warnings = (
            *warnings,
            "This is an earlier version: another output lies at its path now.",
        )
    with tempfile.TemporaryDirectory(prefix="archivist-audit-") as scratch:
        gatherer = Gatherer(catalog, where, Path(scratch))
        return Audit(
            asked=path_to_text(asked),
            digest=digest,
            matches=matches,
            warnings=warnings,
            photographs=tuple(gatherer.photograph(one, asked_for) for one in photographs),
            at=now(),
            version=__version__,
        )


class Gatherer:
    """Gathers what the catalog, the store and the folders tell about photographs."""

    def __init__(self, catalog: Catalog, where: Where, scratch: Path) -> None:
        self._catalog, self._where, self._scratch = catalog, where, scratch
        self._environments: dict[str, Mapping[str, object]] = {}

    def photograph(self, asset: Asset, written: int | None = None) -> Photograph:
        """Return one page as the publication of this number left it, or as it is now."""
        files = lineage.written_of(self._catalog, [asset.digest]).get(asset.digest, ())
        number = self._generation(asset, files, written)
        run = None if number is None else self._run(number)
        made, plan = self._behind(asset, number)
        shown = self._files(files, number)
        scans, out = self._folders(run)
        opinion = lineage.opinion_of(self._catalog, asset.uid)
        paths = queries.paths_of(self._catalog, [asset.digest]).get(asset.digest, ())
        scan = self._place(paths or tuple(one.publication.source for one in files), asset, scans)
        steps = self._steps(made, plan, run, out)
        outputs = tuple(AuditFile(written=one, place=self._output_place(one, out)) for one in shown)
        return Photograph(
            asset=asset,
            paths=paths,
            scan=scan,
            run=run,
            steps=steps,
            files=outputs,
            generations=self._generations(files, number),
            endings=lineage.endings_of(self._catalog, asset.uid),
            reviews=opinion.reviews,
            flags=in_force(opinion.flags, [one.record for one in made]),
            events=queries.events(self._catalog, asset=asset.uid),
            origins=self._origins(asset, scan, steps, outputs, out),
            seal=self._seal(asset, made),
        )

    def _generation(
        self, asset: Asset, files: Sequence[Written], written: int | None
    ) -> int | None:
        """Return the number of the run whose result is shown."""
        chosen = [one for one in files if one.id == written] or [
            one for one in files if not one.replaced
        ]
        if chosen:
            return chosen[-1].number
        return lineage.newest_run(self._catalog, asset.uid)

    def _behind(self, asset: Asset, number: int | None) -> tuple[tuple[Made, ...], Plan]:
        if number is None:
            return (), Plan()
        found = lineage.records_behind(self._catalog, {asset.uid: number})
        return found.get(asset.uid, ((), Plan()))

    def _run(self, number: int) -> RunRow:
        with self._catalog.reading() as connection:
            uid = self._catalog.memo.run_uids(connection, [number])[number]
        return queries.run(self._catalog, uid)

    def _files(self, files: Sequence[Written], number: int | None) -> list[Written]:
        """Return what lay in the output folder when the run of this number was done."""
        return lineage.lying([one for one in files if number is not None and one.number <= number])

    def _generations(self, files: Sequence[Written], number: int | None) -> tuple[Generation, ...]:
        by_run: dict[int, list[Written]] = {}
        for one in files:
            by_run.setdefault(one.number, []).append(one)
        return tuple(
            Generation(run=self._run(run), files=tuple(group), shown=run == number)
            for run, group in sorted(by_run.items(), reverse=True)
        )

    def _folders(self, run: RunRow | None) -> tuple[Path | None, Path | None]:
        facts = {} if run is None else run.settings
        recorded = {name: Path(str(facts[name])) for name in ("scans", "out") if facts.get(name)}
        scans = self._where.scans or recorded.get("scans")
        out = self._where.out or recorded.get("out")
        return scans and scans.absolute(), out and out.absolute()

    def _seal(self, asset: Asset, made: Sequence[Made]) -> Seal | None:
        digest = self._where.record_digest
        if digest is None:
            return None
        return seal_of(self._catalog, asset.uid, [one.record for one in made], digest)

    # --- files ---

    def _place(self, paths: Sequence[str], asset: Asset, scans: Path | None) -> Place:
        """Return the first copy of the scan that is as recorded, else the first copy."""
        places = [self._checked(path, asset.digest, scans) for path in paths]
        fine = [one for one in places if one.condition is Condition.FINE]
        nowhere = Place(path="", digest=asset.digest, condition=Condition.NOT_CHECKED)
        return (fine or places or [nowhere])[0]

    def _output_place(self, one: Written, out: Path | None) -> Place:
        return self._checked(one.publication.path, one.publication.output_digest, out)

    def _checked(self, path: str, digest: str, folder: Path | None) -> Place:
        file = None if folder is None else folder / text_to_path(path)
        condition = Condition.NOT_CHECKED
        if file is not None and self._where.look:
            condition = _condition(file, digest)
        return Place(path=path, digest=digest, condition=condition, file=file)

    def _origins(
        self,
        asset: Asset,
        scan: Place,
        steps: Sequence[AuditStep],
        files: Sequence[AuditFile],
        out: Path | None,
    ) -> Origins:
        if not self._where.look:
            return Origins(missing="it was not asked for")
        wrong = [
            f"{what} {readable(place.path)} is {place.condition}"
            for what, place in (("the scan", scan), *(("the output", f.place) for f in files))
            if place.condition is not Condition.FINE
        ]
        if wrong:
            return Origins(missing=wrong[0])
        looker = Looker(
            store=None if out is None else BlobStore(_store(out)),
            codecs=self._where.codecs,
            scratch=self._scratch,
        )
        return looker.origins(asset, scan, steps, files)

    # --- steps ---

    def _steps(
        self, made: Sequence[Made], plan: Plan, run: RunRow | None, out: Path | None
    ) -> tuple[AuditStep, ...]:
        makers = _makers(made, plan)
        references = self._references(made)
        snapshot = _snapshot(made) or ("" if run is None else run.snapshot)
        steps = []
        for one in made:
            record = one.record
            steps.append(
                AuditStep(
                    record=record,
                    run=one.run,
                    reused=run is not None and one.run != run.uid,
                    inputs=tuple(
                        self._input(use, makers, references, snapshot, plan)
                        for use in record.inputs
                    ),
                    artifacts=tuple(self._artifact(artifact, out) for artifact in record.outputs),
                    environment=self._environment(record.environment),
                    defaults=self._defaults(record),
                )
            )
        return tuple(steps)

    def _references(
        self, made: Sequence[Made]
    ) -> dict[str, tuple[tuple[str, ...], Mapping[str, str]]]:
        digests = {
            use.digest
            for one in made
            for use in one.record.inputs
            if use.role in (REFERENCE, CHOSEN)
        }
        paths = queries.paths_of(self._catalog, digests)
        assets = queries.assets_of(self._catalog, digests)
        return {
            digest: (paths.get(digest, ()), assets[digest][0].facts if digest in assets else {})
            for digest in digests
        }

    def _input(
        self,
        use: InputUse,
        makers: Mapping[str, str],
        references: Mapping[str, tuple[tuple[str, ...], Mapping[str, str]]],
        snapshot: str,
        plan: Plan,
    ) -> AuditInput:
        if use.role in (REFERENCE, CHOSEN):
            paths, facts = references[use.digest]
            maker = (
                "chosen from the archive" if use.role == CHOSEN else "a photograph borrowed from"
            )
            return AuditInput(use=use, maker=maker, paths=paths, facts=facts, snapshot=snapshot)
        if use.role == SCAN:
            return AuditInput(use=use, maker="the scan")
        if use.role == SUPPLIED:
            drawn = tuple(one.path for one in plan.supplied if one.digest == use.digest)
            return AuditInput(use=use, maker="made by a person", paths=drawn)
        return AuditInput(use=use, maker=makers.get(use.digest, "supplied by the engine"))

    def _artifact(self, artifact: Artifact, out: Path | None) -> AuditArtifact:
        if not artifact.kept or artifact.blob is None or out is None:
            return AuditArtifact(artifact=artifact)
        path = BlobStore(_store(out)).path(artifact.blob)
        condition = Condition.NOT_CHECKED
        if self._where.look:
            condition = _condition(path, artifact.blob)
        return AuditArtifact(artifact=artifact, path=path, condition=condition)

    def _environment(self, digest: str) -> Mapping[str, object]:
        if digest not in self._environments:
            self._environments[digest] = queries.environment(self._catalog, digest) or {}
        return self._environments[digest]

    def _defaults(self, record: StepRecord) -> dict[str, object] | None:
        spec = self._where.specs.get(record.step)
        if spec is None or spec.version != record.version:
            return None
        return {one.name: one.default for one in dataclasses.fields(spec.params)}


def _makers(made: Sequence[Made], plan: Plan) -> dict[str, str]:
    """Return by the digests of values which step made them, in words."""
    found = {one.digest: f"made by a person: {readable(one.path)}" for one in plan.supplied}
    for number, one in enumerate(made, start=1):
        for output in one.record.outputs:
            found.setdefault(output.digest, f"{output.port} of step {number}, {one.record.step}")
    return found


def _snapshot(made: Sequence[Made]) -> str:
    """Return the digest of the index that lookalikes were found in, as a step noted it."""
    notes = (
        _SNAPSHOT.search(use.note)
        for one in made
        for use in one.record.inputs
        if "snapshot" in use.note
    )
    return next((found[0] for found in notes if found), "")


def _store(out: Path) -> Path:
    return out / ".archivist" / "store"


def _condition(file: Path, digest: str) -> Condition:
    try:
        return Condition.FINE if digest_file(file) == digest else Condition.CHANGED
    except (FileNotFoundError, NotADirectoryError):
        return Condition.MISSING
    except OSError:
        return Condition.UNREADABLE
