"""Answer what the planner asks about the past, from the catalog and the output folder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from archivist.catalog import queries
from archivist.catalog.found import replaced_paths, results_of_others
from archivist.catalog.lookups import assets_of
from archivist.catalog.rows import Decision, Published
from archivist.catalog.session import Catalog
from archivist.config import ReviewSettings
from archivist.model import InputUse, KnownResult, Role, text_to_path
from archivist.plan import Output, Previous, Redo


@dataclass(frozen=True, slots=True)
class CatalogLookup:
    """Answers the planner from the catalog; implements :class:`archivist.plan.Lookup`.

    ``policy`` says when a result is approved; ``barred`` are photographs that may lend nothing, by
    uid, with the reason. ``profiles`` are the outputs that are asked for, by name. ``note`` is told
    of outputs that somebody changed.
    """

    catalog: Catalog
    out: Path
    steps: Sequence[str]
    profiles: Collection[str] = ()
    policy: ReviewSettings = field(default_factory=ReviewSettings)
    barred: Mapping[str, str] = field(default_factory=dict)
    note: Callable[[str], None] = lambda _: None

    def known(self, keys: Sequence[str]) -> Mapping[str, KnownResult]:
        """Return the stored results of these step keys."""
        return queries.known(self.catalog, keys) if keys else {}

    def previous(self, assets: Sequence[str]) -> Mapping[tuple[str, str], Previous]:
        """Return the newest finished record for each (asset, step id)."""
        found = queries.previous(self.catalog, assets, self.steps)
        return {
            place: Previous(
                version=row.version,
                params=row.params,
                # Photographs are recorded one by one too; what a step read is their digest.
                inputs={u.port: u.digest for u in row.inputs if u.role not in Role.PHOTOGRAPHS},
                weights=[use.digest for use in row.weights],
                result=row.result,
                gone=self._gone(row.inputs),
            )
            for place, row in found.items()
        }

    def _gone(self, inputs: Sequence[InputUse]) -> tuple[str, ...]:
        """Return why what was chosen may lend nothing any more."""
        chosen = [use.asset for use in inputs if use.role == Role.CHOSEN] if self.barred else []
        lost = [uid for uid in chosen if uid in self.barred]
        paths = queries.paths_of(self.catalog, {uid.partition("#")[0] for uid in lost})
        return tuple(
            f"reference {next(iter(paths.get(uid.partition('#')[0], ())), uid[:12])}: "
            f"{self.barred[uid]}"
            for uid in lost
        )

    def failures(self, assets: Sequence[str]) -> Mapping[str, str]:
        """Return asset -> code for those that failed when they were last treated."""
        found = queries.last_failures(self.catalog, assets)
        return {asset: outcome.code for asset, outcome in found.items()}

    def pinned(self, assets: Sequence[str]) -> frozenset[str]:
        """Return the assets whose approved result lies in place and must stay."""
        owed = queries.approved(self.catalog, assets, self.policy)
        lying = queries.standings(self.catalog, owed, self.policy)
        paths = queries.paths_of(self.catalog, {uid.partition("#")[0] for uid in owed})
        return frozenset(
            uid
            for uid, one in owed.items()
            if self._lies(one.files, lying[uid].files, paths.get(uid.partition("#")[0], ()))
        )

    def _lies(
        self, owed: Sequence[Published], lying: Sequence[Published], paths: Sequence[str]
    ) -> bool:
        """Tell whether an approved result lies where its scan is now, or else where it was.

        ``lying`` is what no other scan has replaced. What other profiles made is nobody's matter.
        """
        wanted = [one for one in owed if one.profile in self.profiles]
        here = [one for one in wanted if one.source in paths] or wanted
        places = {one.path for one in lying}
        return all(one.path in places and self._is_in_place(one) for one in here)

    def held(self, paths: Mapping[str, str]) -> frozenset[str]:
        """Return which paths hold the approved result of another scan."""
        others = results_of_others(self.catalog, paths)
        pages = assets_of(self.catalog, {one for some in others.values() for one in some})
        uids = [page.uid for some in pages.values() for page in some]
        approved = queries.pinned(self.catalog, uids, self.policy)
        lying = queries.standings(self.catalog, approved, self.policy)
        files = (file for one in lying.values() for file in one.files)
        stay = {
            file.source
            for file in files
            if file.profile in self.profiles and self._is_in_place(file)
        }
        return frozenset(stay.intersection(others))

    def redo(self, assets: Sequence[str]) -> Mapping[str, Redo]:
        """Return what the newest rejection of each asset wants to be done otherwise."""
        found: dict[str, Redo] = {}
        for uid, reviews in queries.all_reviews(self.catalog, assets).items():
            rejections = [one for one in reviews if one.decision is Decision.REJECT]
            if rejections and rejections[-1].redo:
                found[uid] = Redo(params=rejections[-1].redo, by=rejections[-1].reviewer)
        return found

    def replaced(self, paths: Mapping[str, str]) -> frozenset[str]:
        """Return which paths had another content when last published."""
        return replaced_paths(self.catalog, paths)

    def published(self, digests: Sequence[str]) -> Mapping[str, Collection[Output]]:
        """Return the newest outputs of scans, by the digests of these."""
        lying = queries.publications_of(self.catalog, digests)
        paths = {file.path for files in lying.values() for file in files}
        found: defaultdict[str, list[Output]] = defaultdict(list)
        for (digest, _, _), files in queries.publications_of(
            self.catalog, digests, own=True
        ).items():
            replaced = any(file.path not in paths for file in files)
            newest = files[-1]
            found[digest].append(
                Output(
                    key=newest.key,
                    profile=newest.profile,
                    source=newest.source,
                    lies=not replaced and all(self._is_in_place(one, self.note) for one in files),
                    replaced=replaced,
                )
            )
        return found

    def _is_in_place(self, file: Published, note: Callable[[str], None] | None = None) -> bool:
        try:
            size = (self.out / text_to_path(file.path)).stat().st_size
        except OSError:
            return False
        if note is not None and size != file.size:
            note(
                f"{file.path} was changed since it was published ({size} bytes, then {file.size}) "
                "and is to be made again. What was changed is not lost: a run puts it aside, and "
                "says where"
            )
        return size == file.size
