"""What was done before with the assets of one page of files; asked only where it matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archivist.model import KnownResult
from archivist.plan.files import PlannedFile
from archivist.plan.lookup import Lookup, Previous


class Past:
    """Answers of the catalog, gathered as the steps of a recipe ask for them."""

    def __init__(self, lookup: Lookup, files: Sequence[PlannedFile]) -> None:
        self._lookup = lookup
        self._files = {asset.uid: file for file in files for asset in file.assets}
        self._asked: set[str] = set()
        self.previous: dict[tuple[str, str], Previous] = {}
        self.failures: dict[str, str] = {}
        self.replaced: set[str] = set()
        self._newest: dict[str, KnownResult] = {}

    def known(self, keys: Sequence[str]) -> Mapping[str, KnownResult]:
        """Return the stored results of step keys; what was learnt already is not asked for."""
        found = {key: self._newest[key] for key in keys if key in self._newest}
        rest = [key for key in keys if key not in found]
        return {**found, **self._lookup.known(rest)} if rest else found

    def ask(self, assets: Sequence[str]) -> None:
        """Learn about these assets, unless that was done for an earlier step."""
        new = [asset for asset in assets if asset not in self._asked]
        if not new:
            return
        self._asked.update(new)
        previous = self._lookup.previous(new)
        self.previous.update(previous)
        self._newest.update((one.result.key, one.result) for one in previous.values() if one.result)
        self.failures.update(self._lookup.failures(new))
        files = [self._files[asset] for asset in new]
        replaced = self._lookup.replaced({p: file.digest for file in files for p in file.paths})
        self.replaced.update(
            asset for asset in new if any(p in replaced for p in self._files[asset].paths)
        )
