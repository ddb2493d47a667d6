"""What is missing for steps to be done again as recorded: each in a sentence with its cure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from archivist.api.errors import ConfigError, WeightsCorrupt, WeightsMissing
from archivist.api.steps import Determinism, Device, StepSpec, Weight
from archivist.catalog import queries
from archivist.catalog.certifications import Change
from archivist.catalog.session import Catalog
from archivist.hashing import digest_file, key_of, work_digest
from archivist.imaging.plugged import is_plugged
from archivist.model import (
    FileWork,
    Header,
    InputUse,
    Role,
    StepRecord,
    Supplied,
    WeightUse,
    text_to_path,
)
from archivist.plugins import Plugins, find_weights, make_params, weight_digest
from archivist.report.words import readable, short

FAMILIES = ("cpu", "cuda")
"""The device families that a step key may name."""


@dataclass(frozen=True, kw_only=True)
class Installed:
    """What is on this machine. ``gpu`` tells whether workers can have one.

    Steps named in ``trial`` may be done by any version and with any weights: it is these that a
    certification tries.
    """

    catalog: Catalog
    plugins: Plugins
    folders: tuple[Path, ...]
    scans: Path
    gpu: bool
    trial: frozenset[str] = frozenset()
    _seen: dict[tuple[Path, str], str] = field(default_factory=dict)

    # --- photographs ---

    def path_of(self, file: FileWork) -> tuple[str, str]:
        """Return (path, problem): where a scan lies now, or why there is none that will do."""
        known = queries.paths_of(self.catalog, [file.digest]).get(file.digest, ())
        return self._place(file.digest, (*file.paths, *known), "the original")

    def _place(self, digest: str, paths: Iterable[str], what: str) -> tuple[str, str]:
        problems = []
        for path in dict.fromkeys(paths):
            problem = self._state(self.scans / text_to_path(path), digest)
            if not problem:
                return path, ""
            problems.append(f"{what} {readable(path)} {problem}")
        where = f"under {readable(str(self.scans))}"
        cure = "Cure: bring it back from a backup, or name the folder of the scans with --scans"
        told = "; ".join(problems) or f"{what} {short(digest)} is nowhere"
        return "", f"{told} ({where}). {cure}"

    def _state(self, path: Path, digest: str) -> str:
        """Return what is wrong with a file, empty when its content is the recorded one."""
        if (path, digest) not in self._seen:
            self._seen[path, digest] = _compared(path, digest)
        return self._seen[path, digest]

    def lacks_references(self, uses: Iterable[InputUse]) -> Iterator[str]:
        """Yield the photographs that were borrowed from and are not as they were."""
        digests = dict.fromkeys(use.digest for use in uses if use.role in Role.PHOTOGRAPHS)
        paths = queries.paths_of(self.catalog, digests)
        for digest in digests:
            _, problem = self._place(digest, paths.get(digest, ()), "the reference")
            if problem:
                yield problem

    def lacks_supplied(self, supplied: Iterable[Supplied]) -> Iterator[str]:
        """Yield the values that a person made and that are not as they were."""
        for one in supplied:
            problem = self._state(Path(one.path), one.digest)
            if problem:
                yield (
                    f"the {one.port} that a person made, {readable(one.path)}, {problem}. "
                    "Cure: bring it back from a backup"
                )

    def lacks_codec(self, header: Header) -> Iterator[str]:
        """Yield the codec that reads a scan, where it is not installed."""
        if is_plugged(header) and header.format not in self.plugins.codecs:
            yield (
                f"nothing that is installed reads {header.format}. "
                "Cure: install the plugin with its codec"
            )

    # --- steps ---

    def lacks_step(self, record: StepRecord) -> Iterator[str]:
        """Yield what is missing for one step to be done as recorded."""
        spec = self.plugins.steps.get(record.step)
        if spec is None:
            yield self._not_installed(record)
            return
        if record.step not in self.trial:
            if spec.version != record.version:
                yield (
                    f"{record.step} is recorded in version {record.version} and installed in "
                    f"version {spec.version}. Cure: install {_owner(record)}"
                )
                return
            yield from self._lacks_weights(spec, record)
        try:
            make_params(spec, record.params)
        except ConfigError as error:
            yield f"{record.step} does not take the recorded params: {error}"
            return
        yield from self._lacks_device(spec, record)

    def _not_installed(self, record: StepRecord) -> str:
        withdrawn = self.plugins.withdrawn.get(record.step)
        if withdrawn:
            return f"{record.step} cannot be used: {withdrawn}"
        return (
            f"{record.step} version {record.version} is not installed, or not allowed by "
            f"[plugins]. Cure: install {_owner(record)}"
        )

    def _lacks_weights(self, spec: StepSpec, record: StepRecord) -> Iterator[str]:
        declared = {weight.name: weight for weight in spec.weights}
        for use in record.weights:
            weight = declared.get(use.name)
            problem = self._weight_problem(weight, use)
            if problem:
                imported = weight is not None and weight.package is None
                cure = (
                    f"archivist weights import {use.name} FILE, from {use.source}"
                    if imported
                    else f"install {_owner(record)}"
                )
                yield (
                    f"{record.step} used the weights {use.name} with the SHA-256 {use.digest}: "
                    f"{problem}. Cure: {cure}"
                )

    def _weight_problem(self, weight: Weight | None, use: WeightUse) -> str:
        if weight is None:
            return "the installed step knows no such weights"
        found = weight_digest(weight, self.folders)
        if found is None:
            return "they are not on this machine"
        if found != use.digest:
            return f"others are installed, {short(found)}"
        try:
            find_weights(weight, self.folders)
        except WeightsMissing:
            return "their file is not on this machine"
        except WeightsCorrupt:
            return "their file here is damaged"
        return ""

    def _lacks_device(self, spec: StepSpec, record: StepRecord) -> Iterator[str]:
        bound = record.determinism == Determinism.DEVICE and record.step not in self.trial
        if not self.gpu and bound and record.device != "cpu":
            yield (
                f"{record.step} was done on {record.device} and promises the same result only "
                f"there. Cure: replay on a machine with {record.device}"
            )
        elif not self.gpu and spec.cost.device is Device.GPU:
            yield f"{record.step} needs a GPU, and there is none. Cure: a machine with one"

    # --- trials ---

    def changes(self, records: Iterable[Sequence[StepRecord]]) -> Iterator[Change]:
        """Yield how the steps that are tried differ from what is recorded."""
        for record in (one for told in records for one in told):
            spec = self.plugins.steps.get(record.step)
            if record.step not in self.trial or spec is None:
                continue
            before = tuple(use.digest for use in record.weights)
            after = self._weights_now(spec, record)
            if (spec.version, after) != (record.version, before):
                yield Change(
                    step=record.step,
                    version=record.version,
                    weights=before,
                    new_version=spec.version,
                    new_weights=after,
                )

    def _weights_now(self, spec: StepSpec, record: StepRecord) -> tuple[str, ...]:
        """Return the digests of the weights that a step would use now."""
        try:
            needed = spec.required_weights(make_params(spec, record.params))
        except ConfigError:
            return ()
        return tuple(weight_digest(one, self.folders) or "" for one in needed)

    # --- keys ---

    def families(self, record: StepRecord) -> frozenset[str]:
        """Return the device families under which the recorded key comes out again."""
        spec = self.plugins.steps[record.step]
        inputs = [(u.port, u.digest) for u in record.inputs if u.role not in Role.PHOTOGRAPHS]
        return frozenset(
            family
            for family in FAMILIES
            if key_of(self._work(spec, record, family), inputs) == record.key
        )

    def _work(self, spec: StepSpec, record: StepRecord, family: str) -> str:
        return work_digest(
            spec,
            record.params,
            weights=[use.digest for use in record.weights],
            seed=record.seed,
            device_family=family,
        )


def changed_declaration(record: StepRecord) -> str:
    """Return the sentence for a step whose key comes out otherwise with all the same."""
    return (
        f"{record.step} version {record.version} is installed with other params or another tiling "
        f"than recorded, under the same version. Cure: install {_owner(record)}"
    )


def unknown_step(step: str, asset: str) -> str:
    """Return the sentence for a planned step of which there is no record."""
    return f"there is no record of {step} for {short(asset)}: the catalog does not hold it"


def _owner(record: StepRecord) -> str:
    return f"{record.distribution or 'its plugin'} {record.distribution_version}".strip()


def _compared(path: Path, digest: str) -> str:
    try:
        return "" if digest_file(path) == digest else "has another content now"
    except (FileNotFoundError, NotADirectoryError):
        return "is gone"
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"


def fitting_families(sets: Sequence[frozenset[str]]) -> frozenset[str]:
    """Return the families under which all keys come out as recorded."""
    return frozenset(FAMILIES).intersection(*sets)
