"""A person decides about results: what is checked before, what is recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from archivist.api.errors import UsageError
from archivist.api.steps import StepSpec
from archivist.catalog import queries
from archivist.catalog.curation import ReviewDraft
from archivist.catalog.results import previous
from archivist.catalog.rows import Decision, Published
from archivist.catalog.session import Catalog
from archivist.catalog.standing import Standing, State, person, standings
from archivist.catalog.writer import Writer
from archivist.config import ReviewSettings
from archivist.hashing import digest_file
from archivist.model import Asset, text_to_path
from archivist.report.named import Named
from archivist.report.words import readable
from archivist.review.holding import held, let_go, run_at_work
from archivist.review.people import reason_of, reviewer
from archivist.review.redo import Redo, read_redo
from archivist.review.waiting import called

_VERIFY = "Cure: archivist verify tells what happened to it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What a person says. ``redo`` are texts as :func:`archivist.review.redo.read_redo` takes."""

    decision: Decision
    by: str
    reason: str = ""
    redo: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A review that was recorded, and where the result stands after it."""

    asset: Asset
    paths: tuple[str, ...]
    opinion: Opinion
    standing: Standing
    redo: Redo = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What people call the photograph."""
        return called(self.asset, self.paths, self.standing.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Where and under which rules people decide."""

    catalog: Catalog
    policy: ReviewSettings
    specs: Mapping[str, StepSpec]
    out: Path | None = None
    """The output folder; None where the newest run wrote."""

    def decide(
        self, found: Sequence[Named], opinion: Opinion, seen: Sequence[str] | None = None
    ) -> list[Decided]:
        """Record what a person says of the results that names mean; all of them or none.

        ``seen`` are the digests of the output files that the person looked at, when the caller
        knows. Raises UsageError when the policy, or the state of a result, forbids it.
        """
        said = self._checked(opinion)
        assets = {one.uid: one for name in found for one in name.assets}
        digests = {one.digest for one in assets.values()}
        approves = said.decision is Decision.APPROVE
        lying = {
            digest
            for one in standings(self.catalog, assets, self.policy).values()
            for digest in one.results
        }
        with held(self.catalog, self._folder(), digests | lying if approves else ()):
            redo = self._record(found, assets, said, seen)
        after = standings(self.catalog, assets, self.policy)
        stay = {assets[uid].digest for uid, one in after.items() if one.state is State.APPROVED}
        stay |= {
            digest
            for one in after.values()
            if one.state is State.APPROVED
            for digest in one.results
        }
        let_go(self.catalog, self._folder(), (digests | lying) - stay)
        paths = queries.paths_of(self.catalog, digests)
        return [
            Decided(
                asset=one,
                paths=paths.get(one.digest, ()),
                opinion=said,
                standing=after[uid],
                redo=redo,
            )
            for uid, one in assets.items()
        ]

    def _record(
        self,
        found: Sequence[Named],
        assets: Mapping[str, Asset],
        said: Opinion,
        seen: Sequence[str] | None,
    ) -> Redo:
        """Check what was said and record it; return the params to make results again with."""
        before = standings(self.catalog, assets, self.policy)
        if said.decision is not Decision.NOTE:
            for name in found:
                _check_named(name)
            for uid in assets:
                self._check(before[uid], said, seen)
        redo = self._redo(said.redo, assets)
        Writer(self.catalog).add_reviews(self._drafts(before, said, redo))
        return redo

    def _checked(self, opinion: Opinion) -> Opinion:
        """Return an opinion with a name and a reason that can be recorded. Raises UsageError."""
        decision = opinion.decision
        if opinion.redo and decision is not Decision.REJECT:
            raise UsageError("--redo asks for another try. Cure: archivist review reject")
        return replace(
            opinion,
            by=reviewer(opinion.by, self.policy),
            reason=reason_of(opinion.reason, needed=decision is not Decision.APPROVE),
        )

    def _drafts(
        self, standing: Mapping[str, Standing], opinion: Opinion, redo: Redo
    ) -> list[ReviewDraft]:
        """Return the reviews to be recorded, with the step records behind each result."""
        records: dict[str, list[str]] = {uid: [] for uid in standing}
        for (uid, _), row in previous(self.catalog, standing).items():
            records[uid].append(row.record)
        return [
            ReviewDraft(
                asset=uid,
                decision=opinion.decision,
                by=opinion.by,
                reason=opinion.reason,
                records=records[uid],
                results=one.results,
                redo=redo,
            )
            for uid, one in standing.items()
        ]

    def _redo(self, texts: Sequence[str], assets: Mapping[str, Asset]) -> Redo:
        if not texts:
            return {}
        made_by = {row.step for row in previous(self.catalog, assets).values()}
        return read_redo(texts, self.specs, made_by)

    def _check(self, standing: Standing, said: Opinion, seen: Sequence[str] | None) -> None:
        """Raise UsageError when there is no result, or none that this person may decide about."""
        if not standing.files:
            raise UsageError(
                f"{self._called(standing.asset)} has no output, so there is nothing to "
                f"{said.decision}. Cure: archivist run makes one; where the result of an earlier "
                "scan lies in its place, name the output file; archivist review note takes a remark"
            )
        if seen is not None and set(seen) != set(standing.results):
            raise UsageError(
                f"the result of {self._called(standing.asset)} was made anew since it was shown. "
                "Cure: look at it again"
            )
        if said.decision is not Decision.APPROVE:
            return
        if not self.policy.by_operator and person(said.by) in map(person, standing.operators):
            raise UsageError(
                f"{said.by} ran what made this result, and review.by_operator forbids that they "
                "approve it. Cure: another person approves"
            )
        for file in standing.files:
            self._check_file(file)

    def _check_file(self, file: Published) -> None:
        """Raise UsageError when the file that is approved is not the one that was recorded."""
        folder = self._folder()
        if folder is None:
            return
        path = folder / text_to_path(file.path)
        try:
            same = digest_file(path) == file.output_digest
        except OSError as error:
            raise UsageError(
                f"{readable(file.path)} cannot be read ({error.strerror or error}), so it cannot "
                f"be approved. {_VERIFY}"
            ) from error
        if not same and run_at_work(self.catalog) is not None:
            raise UsageError(
                f"{readable(file.path)} is being made anew by the run that goes on. "
                "Cure: look at it again in a while"
            )
        if not same:
            raise UsageError(
                f"{readable(file.path)} was changed by something other than archivist since it was "
                f"published, so it cannot be approved. {_VERIFY}"
            )

    def _called(self, uid: str) -> str:
        """Return what people call a photograph, for a message."""
        digest, _, page = uid.partition("#")
        path = next(iter(queries.paths_of(self.catalog, [digest]).get(digest, ())), uid[:12])
        return readable(path) + (f" page {int(page) + 1}" if page else "")

    def _folder(self) -> Path | None:
        if self.out is not None:
            return self.out
        newest = queries.runs(self.catalog, limit=1)
        name = newest[0].settings.get("out") if newest else None
        return Path(str(name)) if name else None


def _check_named(name: Named) -> None:
    """Raise UsageError for a name that means a file which is not the result in place."""
    if name.warnings:
        raise UsageError(f"{name.warnings[0]} {_VERIFY}")
    if name.matches and name.replaced:
        raise UsageError(
            f"{readable(name.asked)} is an earlier output that was replaced since. "
            "Cure: name the file that is in place, or the scan"
        )
