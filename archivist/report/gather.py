"""Read the rows of a report from the catalog, page by page."""

from __future__ import annotations

import dataclasses
import shlex
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from archivist.api import StepSpec, UsageError
from archivist.catalog import ledger, queries
from archivist.catalog.moved import left_over, replaced_scans
from archivist.catalog.queue import pending_assets
from archivist.catalog.rows import AssetReport, RunRow
from archivist.catalog.session import Catalog
from archivist.model import Asset, Publication, Status, StepRecord, path_to_text
from archivist.report.changed import changed_of
from archivist.report.checked import fixity_of
from archivist.report.exported import exports_of
from archivist.report.lenders import ReportReference, uids_of
from archivist.report.rows import (
    ReportAsset,
    ReportFile,
    ReportRefusal,
    ReportReview,
    ReportRun,
    ReportStep,
    Similar,
)
from archivist.rights import Act, acts_of

_PAGE = 200
_MOST_PAIRS = 200_000
"""Near duplicates that are looked at; a scan of ten thousand blank pages has no more to tell."""


class CatalogSource:
    """The rows of a report, read from an open catalog when they are asked for.

    Of the archive as its newest runs left it, or of what one ``run`` treated. ``specs`` are the
    steps of the plugins that are installed here: their defaults tell which params are unusual.
    ``scans`` and ``out`` replace the folders that the run recorded, when they were moved.
    """

    def __init__(
        self,
        catalog: Catalog,
        *,
        run: str | None = None,
        specs: Mapping[str, StepSpec] | None = None,
        scans: Path | None = None,
        out: Path | None = None,
    ) -> None:
        self._catalog, self._only, self._specs = catalog, run, specs or {}
        self._run = self._report_run(_run_row(catalog, run), scans, out)
        self._waits = _who_waits(catalog, run)
        self._near: dict[str, list[tuple[str, int]]] | None = None

    @property
    def run(self) -> ReportRun:
        """The run that is reported: the one asked for, or the newest."""
        return self._run

    def assets(self) -> Iterator[ReportAsset]:
        """Yield the assets in the order of their discovery."""
        rows = queries.report_rows(self._catalog, run=self._only)
        while page := tuple(islice(rows, _PAGE)):
            similar = self._similar(page)
            known = references_of(self._catalog, page)
            sizes = queries.sizes_of(self._catalog, {row.asset.digest for row in page})
            checks = fixity_of(self._catalog, page)
            for row, asset in zip(page, self._assets(page, similar, known), strict=True):
                yield dataclasses.replace(
                    asset,
                    size=sizes.get(row.asset.digest, 0),
                    fixity=checks.get(row.asset.uid, ()),
                )

    def refusals(self) -> Iterator[ReportRefusal]:
        """Yield the files that the last scan refused or skipped, by path."""
        after = ""
        while page := queries.refusals(self._catalog, after=after, limit=_PAGE):
            for row in page:
                yield ReportRefusal(
                    path=row.path,
                    code=row.code,
                    reason=row.reason,
                    status=Status(row.status),
                    size=row.size,
                )
            after = page[-1].path

    def of(self, uids: Sequence[str]) -> list[ReportAsset]:
        """Return some assets as their newest run left them."""
        rows = list(queries.report_rows(self._catalog, assets=uids))
        known = references_of(self._catalog, rows)
        return list(self._assets(rows, {}, known))

    def _assets(
        self,
        rows: Sequence[AssetReport],
        similar: Mapping[str, Sequence[Similar]],
        known: Mapping[str, ReportReference],
    ) -> Iterator[ReportAsset]:
        denied = queries.denials_in_force(self._catalog, [row.asset.uid for row in rows])
        for row in rows:
            uid = row.asset.uid
            asset = self._asset(row, similar.get(uid, ()), known)
            yield dataclasses.replace(asset, denied=denied.get(uid, ()))

    def _report_run(self, row: RunRow, scans: Path | None, out: Path | None) -> ReportRun:
        facts, recorded = row.settings, queries.folders(self._catalog)
        scans = scans or recorded.get("scans", Path())
        out = out or recorded.get("out", Path())
        environment = self._environment()
        return ReportRun(
            uid=row.uid,
            archive=path_to_text(scans.name or "archive"),
            scans=scans,
            out=out,
            recipe=row.recipe or str(facts.get("recipe", "")),
            recipe_title=_title(facts, row.recipe or ""),
            operator=row.operator,
            started=row.started,
            finished=row.finished,
            state={"done": "finished", "planning": "running"}.get(row.state, str(row.state)),
            machine=_machine(environment),
            environment=environment,
            version=str(environment.get("archivist", "")),
            retry=retry_command(facts, scans, out),
            checkpoint=ledger.newest_line(self._catalog),
            exports=exports_of(self._catalog, facts.get("settings")),
            replaced=tuple(replaced_scans(self._catalog)),
            left_over=tuple(left_over(self._catalog)),
        )

    def _environment(self) -> Mapping[str, Any]:
        """Return the environment of the first record there is."""
        rows = islice(queries.report_rows(self._catalog, run=self._only), _PAGE)
        digests = (record.environment for row in rows for record in row.records)
        digest = next(digests, None)
        return {} if digest is None else queries.environment(self._catalog, digest) or {}

    def _asset(
        self, row: AssetReport, similar: Sequence[Similar], known: Mapping[str, ReportReference]
    ) -> ReportAsset:
        asset, header = row.asset, row.asset.header
        width, height = header.upright_size
        paths = list(row.paths) or [asset.digest]
        status = None if row.status == "pending" else Status(row.status)
        found = ReportAsset(
            uid=asset.uid,
            digest=asset.digest,
            path=paths[0],
            page=asset.page,
            pages=asset.pages,
            status=status,
            asked=status is not None or self._waits(asset.uid),
            code=row.code,
            message=row.message,
            seconds=row.seconds,
            width=width,
            height=height,
            format=header.format,
            depth=header.depth,
            colour=header.colour,
            facts=asset.facts,
            copies=tuple(paths[1:]),
            steps=tuple(self._step(record, known) for record in row.records),
            files=tuple(_file(item) for item in row.publications),
            similar=tuple(similar),
            review=_review(row),
            flags=row.flags,
        )
        return dataclasses.replace(found, changed=changed_of(found))

    def _step(self, record: StepRecord, known: Mapping[str, ReportReference]) -> ReportStep:
        return ReportStep(
            ordinal=record.ordinal,
            step=record.step,
            version=record.version,
            title=record.title or record.step,
            status=record.status,
            reason=record.reason,
            code=record.code,
            seconds=record.seconds,
            distribution=record.distribution,
            distribution_version=record.distribution_version,
            device=record.device,
            conjectural=record.conjectural,
            acts=self._acts(record),
            params=record.params,
            defaults=self._defaults(record),
            scores=record.scores,
            tiling=record.tiling,
            weights=record.used_weights,
            artifacts=record.outputs,
            references=tuple(
                dataclasses.replace(known[uid], score=use.score, note=use.note)
                for uid, use in uids_of(record.inputs).items()
            ),
            log=record.log,
            record=record.digest,
            started=record.started,
            operator=record.operator,
            inputs=record.inputs,
            seed=record.seed,
            determinism=record.determinism,
            key=record.key,
            environment=record.environment,
            parents=record.parents,
        )

    def _acts(self, record: StepRecord) -> tuple[str, ...]:
        """Return what rights might forbid; without its plugin nobody knows whether it colours."""
        spec = self._specs.get(record.step)
        generative = (Act.GENERATIVE,) if record.conjectural else ()
        return (Act.RESTORATION, *generative) if spec is None else acts_of(spec)

    def _defaults(self, record: StepRecord) -> dict[str, object] | None:
        """Return the default params of the very version that ran, if it is installed."""
        spec = self._specs.get(record.step)
        if spec is None or spec.version != record.version:
            return None
        fields = dataclasses.fields(spec.params)
        return {field.name: field.default for field in fields}

    def _similar(self, page: Iterable[AssetReport]) -> dict[str, tuple[Similar, ...]]:
        """Return the scans that look like those of a page, by their uids."""
        near = self._near_by_uid()
        wanted = {row.asset.uid: near[row.asset.uid] for row in page if row.asset.uid in near}
        digests = {uid.partition("#")[0] for pairs in wanted.values() for uid, _ in pairs}
        paths = queries.paths_of(self._catalog, digests)
        found: dict[str, tuple[Similar, ...]] = {}
        for uid, pairs in wanted.items():
            named = ((paths.get(other.partition("#")[0]), bits) for other, bits in pairs)
            found[uid] = tuple(
                Similar(path=places[0], distance=bits) for places, bits in named if places
            )
        return found

    def _near_by_uid(self) -> dict[str, list[tuple[str, int]]]:
        if self._near is None:
            near: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
            for pair in islice(queries.near_duplicates(self._catalog), _MOST_PAIRS):
                near[pair.first].append((pair.second, pair.distance))
                near[pair.second].append((pair.first, pair.distance))
            self._near = dict(near)
        return self._near


def references_of(catalog: Catalog, page: Iterable[AssetReport]) -> dict[str, ReportReference]:
    """Return the photographs that steps of these assets might borrow from, by uid."""
    uids = {uid for row in page for record in row.records for uid in uids_of(record.inputs)}
    digests = {uid.partition("#")[0] for uid in uids}
    if not digests:
        return {}
    paths, assets = queries.paths_of(catalog, digests), queries.assets_of(catalog, digests)
    return {uid: _reference(uid, paths, assets) for uid in uids}


def _reference(
    uid: str, paths: Mapping[str, tuple[str, ...]], assets: Mapping[str, tuple[Asset, ...]]
) -> ReportReference:
    digest, _, number = uid.partition("#")
    page = int(number or 0)
    places = paths.get(digest, ())
    asset = next((one for one in assets.get(digest, ()) if one.page == page), None)
    if asset is None:
        return ReportReference(uid=uid, path=places[0] if places else "", page=page)
    return ReportReference(
        uid=uid,
        path=places[0] if places else "",
        page=page,
        inventory=asset.facts.get("inventory_no", ""),
        title=asset.facts.get("title", ""),
        format=asset.header.format,
    )


def retry_command(facts: Mapping[str, object], scans: Path, out: Path) -> str:
    """Return the command that does again what failed, as a POSIX shell takes it."""
    words = ["archivist", "run", str(scans), "--out", str(out)]
    for name in ("recipe", "config"):
        if value := facts.get(name):
            words += [f"--{name}", str(value)]
    return shlex.join(words)


def _who_waits(catalog: Catalog, run: str | None) -> Callable[[str], bool]:
    """Return what tells whether an asset that no run has treated is still to be treated.

    A run ends everything that it planned. Where it was stopped before it had a plan, all wait.
    """
    row = _run_row(catalog, run)
    if row.plan_digest is None:
        return lambda _: True
    pending = queries.count_pending(catalog, row.uid)
    waiting = pending_assets(catalog, row.uid) if pending else frozenset()
    return waiting.__contains__


def _run_row(catalog: Catalog, uid: str | None) -> RunRow:
    if uid is not None:
        return queries.run(catalog, uid)
    newest = queries.runs(catalog, limit=1, command="run") or queries.runs(catalog, limit=1)
    if not newest:
        raise UsageError("the catalog has no run yet. Cure: archivist run SCANS --out DIR")
    return newest[0]


def _title(facts: Mapping[str, object], recipe: str) -> str:
    found: Any = facts
    for key in ("settings", "recipes", recipe, "title"):
        found = found.get(key) if isinstance(found, Mapping) else None
    return str(found or "")


def _machine(environment: Mapping[str, Any]) -> str:
    processor = environment.get("processor") or environment.get("machine")
    gpu = environment.get("gpu")
    parts = (processor, environment.get("system"), f"GPU {gpu}" if gpu else "")
    return ", ".join(str(part) for part in parts if part)


def _file(item: Publication) -> ReportFile:
    return ReportFile(
        profile=item.profile,
        path=item.path,
        digest=item.output_digest,
        size=item.size,
        media_type=item.media_type,
        untouched=item.untouched,
        contract=item.contract,
    )


def _review(row: AssetReport) -> ReportReview | None:
    approval = row.approval
    if approval is None:
        return None
    return ReportReview(
        decision=str(approval.decision),
        reviewer=approval.reviewer,
        at=approval.at,
        reason=approval.reason,
    )
