"""Answer an auditor's question: find what is asked about, and gather its whole lineage."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from archivist import __version__
from archivist.api import UsageError
from archivist.catalog import behind, lineage, queries
from archivist.catalog.behind import Made, Plan
from archivist.catalog.finding import How
from archivist.catalog.fixity import ORIGINAL, OUTPUT, Check, last_checks
from archivist.catalog.flags import in_force
from archivist.catalog.lineage import Written
from archivist.catalog.moved import changes_of
from archivist.catalog.replays import replays_of
from archivist.catalog.rows import RunRow
from archivist.catalog.session import Catalog
from archivist.model import (
    Asset,
    now,
    path_to_text,
    text_to_path,
)
from archivist.report.audit_find import EARLIER, Where, find
from archivist.report.audit_rows import (
    Audit,
    AuditFile,
    AuditStep,
    Condition,
    Generation,
    Origins,
    Photograph,
    Place,
)
from archivist.report.audit_seal import Seal, seal_of
from archivist.report.audit_steps import StepTeller, condition_of, store_of
from archivist.report.origins import Looker
from archivist.report.pixel import Pixel, Share
from archivist.report.words import readable
from archivist.store.blobs import BlobStore

MOST = 50
"""Photographs that one audit tells of; a name that fits more is too short."""


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
        warnings = (*warnings, EARLIER)
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
        self._steps = StepTeller(catalog, where)

    def photograph(self, asset: Asset, written: int | None = None) -> Photograph:
        """Return one page as the publication of this number left it, or as it is now."""
        files = lineage.written_of(self._catalog, [asset.digest]).get(asset.digest, ())
        number = self._generation(asset, files, written)
        run = None if number is None else self._run(number)
        made, plan = self._behind(asset, number)
        shown = self._files(files, number)
        scans, out = self._folders()
        opinion = lineage.opinion_of(self._catalog, asset.uid)
        paths = queries.paths_of(self._catalog, [asset.digest]).get(asset.digest, ())
        scan = self._place(paths or tuple(one.publication.source for one in files), asset, scans)
        steps = self._steps.told(made, plan, run, out)
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
            events=(
                *queries.events(self._catalog, asset=asset.uid),
                *changes_of(self._catalog, asset.digest),
            ),
            replays=replays_of(self._catalog, [asset.digest]).get(asset.digest, ()),
            checks=self._checks(asset, paths, outputs),
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
        found = behind.records_behind(self._catalog, {asset.uid: number})
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

    def _folders(self) -> tuple[Path | None, Path | None]:
        recorded = queries.folders(self._catalog)
        scans = self._where.scans or recorded.get("scans")
        out = self._where.out or recorded.get("out")
        return scans and scans.absolute(), out and out.absolute()

    def _seal(self, asset: Asset, made: Sequence[Made]) -> Seal | None:
        digest = self._where.record_digest
        if digest is None:
            return None
        return seal_of(self._catalog, asset.uid, [one.record for one in made], digest)

    def _checks(
        self, asset: Asset, paths: Sequence[str], outputs: Sequence[AuditFile]
    ) -> tuple[Check, ...]:
        """Return the newest checks of files that had the digests that are recorded now."""
        written = {one.place.path: one.place.digest for one in outputs}
        found = [
            *last_checks(self._catalog, ORIGINAL, paths).values(),
            *last_checks(self._catalog, OUTPUT, written).values(),
        ]
        return tuple(
            one
            for one in found
            if one.digest == (asset.digest if one.subject == ORIGINAL else written[one.name])
        )

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
            condition = condition_of(file, digest)
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
        wrong = _unlike(scan, files)
        if wrong:
            return Origins(missing=wrong)
        return self._looker(out).origins(asset, scan, steps, files)

    def pixel(self, asset: Asset, written: int, share: Share) -> Pixel:
        """Return what happened at a place of a page, as the publication of this number left it."""
        files = lineage.written_of(self._catalog, [asset.digest]).get(asset.digest, ())
        number = self._generation(asset, files, written)
        made, plan = self._behind(asset, number)
        scans, out = self._folders()
        paths = queries.paths_of(self._catalog, [asset.digest]).get(asset.digest, ())
        scan = self._place(paths or tuple(one.publication.source for one in files), asset, scans)
        outputs = [
            AuditFile(written=one, place=self._output_place(one, out))
            for one in self._files(files, number)
        ]
        wrong = _unlike(scan, outputs)
        if wrong:
            return Pixel(missing=wrong)
        steps = self._steps.told(made, plan, None, out)
        return self._looker(out).pixel(asset, scan, steps, outputs, share)

    def _looker(self, out: Path | None) -> Looker:
        return Looker(
            store=None if out is None else BlobStore(store_of(out)),
            codecs=self._where.codecs,
            scratch=self._scratch,
        )


def _unlike(scan: Place, files: Sequence[AuditFile]) -> str:
    """Return which picture is not as recorded, empty when all are."""
    # For an output that is gone the store may have the picture that it was written from.
    there = [("the output", one.place) for one in files if not one.place.condition.gone]
    wrong = (
        f"{what} {readable(place.path)} is {place.condition}"
        for what, place in (("the scan", scan), *there)
        if place.condition is not Condition.FINE
    )
    return next(wrong, "")
