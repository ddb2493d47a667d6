"""Prepare the synthesis map of a photograph: open its pictures, mask and transfer maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from archivist.api import ArchivistError, CodecSpec, Kind
from archivist.api.values import TransferMap
from archivist.hashing import digest_file
from archivist.imaging.decode import decode
from archivist.imaging.picture import widen
from archivist.imaging.plugged import open_any
from archivist.imaging.storage import ArrayRaster, Raster
from archivist.lending import Lends, lends
from archivist.model import Artifact, Asset, Role, text_to_path
from archivist.report.audit_rows import (
    AuditFile,
    AuditInput,
    AuditStep,
    Origins,
    Place,
)
from archivist.report.differing import UNITS
from archivist.report.origin import Change, Stage
from archivist.report.origin_words import Wording, encoding_note, resizing_notes
from archivist.report.pixel import Pixel, Share, pixel_of
from archivist.report.synthesis import synthesis_of
from archivist.report.words import readable
from archivist.store.artifacts import load, load_picture
from archivist.store.blobs import BlobStore

LOSSY = ("image/jpeg",)
"""Media types whose samples do not come back exactly."""
LOSSY_TOLERANCE = 16
"""Steps of 255 that are taken for the loss of a file, where only the file can be compared: in the
JPEG outputs of the example archive, at quality 95, the largest loss was between 8 and 15."""
_MAX_PIXELS = 1 << 40
_HALF = 32768
"""A drawn mask has chosen what is at least half light, as the worker read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looker:
    """What is needed to look at pictures: the store, codecs, and a folder for large ones."""

    store: BlobStore | None
    codecs: Mapping[str, CodecSpec]
    scratch: Path

    def origins(
        self, asset: Asset, scan: Place, steps: Sequence[AuditStep], files: Sequence[AuditFile]
    ) -> Origins:
        """Return the map of a photograph, or the reason why there is none; never raises."""
        with ExitStack() as stack:
            try:
                return _Drawing(self, asset, steps, stack).origins(scan, files)
            except _EXPECTED as error:
                return Origins(missing=_why(error))

    def pixel(
        self,
        asset: Asset,
        scan: Place,
        steps: Sequence[AuditStep],
        files: Sequence[AuditFile],
        share: Share,
    ) -> Pixel:
        """Return what the map says of a place, or the reason why it says nothing; never raises."""
        with ExitStack() as stack:
            try:
                return _Drawing(self, asset, steps, stack).pixel(scan, files, share)
            except _EXPECTED as error:
                return Pixel(missing=_why(error))


_EXPECTED = (OSError, ArchivistError, ValueError, MemoryError)


def _why(error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{error.filename} is not at its place"
    if isinstance(error, OSError):
        return f"a picture cannot be read: {error.strerror or error}"
    return str(error)


class _Drawing:
    def __init__(
        self, looker: Looker, asset: Asset, steps: Sequence[AuditStep], stack: ExitStack
    ) -> None:
        self._looker, self._asset, self._steps, self._stack = looker, asset, steps, stack
        self._notes: list[str] = []

    def origins(self, scan: Place, files: Sequence[AuditFile]) -> Origins:
        before, output, lossy = self._ends(scan, files)
        stages, final = self._stages(before, output, lossy)
        found = synthesis_of(stages, final, None if final is output else output)
        self._notes += resizing_notes(self._steps, stages)
        if output is not None and final is not output:
            self._notes += encoding_note(found, lossy=lossy)
        wording = Wording(self._steps, stages, found.stages)
        return Origins(
            synthesis=found,
            titles=tuple(wording.title(part.source) for part in found.parts),
            reasons=tuple(wording.reason(part.source) for part in found.parts),
            notes=tuple(self._notes),
        )

    def pixel(self, scan: Place, files: Sequence[AuditFile], share: Share) -> Pixel:
        before, output, lossy = self._ends(scan, files)
        stages, final = self._stages(before, output, lossy)
        found = pixel_of(self._steps, stages, (before, output), final, share)
        return replace(found, notes=tuple(self._notes))

    # --- pictures ---

    def _ends(self, scan: Place, files: Sequence[AuditFile]) -> tuple[Raster, Raster | None, bool]:
        """Open the scan and the output; tell whether that is lossy. Raises ValueError."""
        if scan.file is None:
            raise ValueError("it is not known where the scan lies; name it with --scans DIR")
        if not files:
            raise ValueError("no output was written")
        return self._open(scan.file, self._asset.page), *self._output(files)

    def _open(self, path: Path, page: int) -> Raster:
        codec = self._looker.codecs.get(self._asset.header.format)
        return self._stack.enter_context(
            open_any(path, page, codec, max_pixels=_MAX_PIXELS, scratch=self._looker.scratch)
        )

    def _output(self, files: Sequence[AuditFile]) -> tuple[Raster | None, bool]:
        """Open the largest of the output files; access copies are smaller. None when it is gone."""
        profiles: dict[str, list[AuditFile]] = {}
        for file in files:
            profiles.setdefault(file.written.publication.profile, []).append(file)
        chosen = max(
            profiles.values(), key=lambda one: sum(f.written.publication.size for f in one)
        )
        page, file = self._asset.page, chosen[0]
        if len(chosen) == self._asset.pages > 1:  # each page is a file of its own
            page, file = 0, chosen[self._asset.page]
        if file.place.file is None:
            raise ValueError("it is not known where the output lies; name its folder with --out")
        if file.place.condition.gone:
            self._notes.append(
                f"The output {readable(file.place.path)} is {file.place.condition}: the picture "
                "that it was written from was looked at."
            )
            return None, False
        raster = self._open(file.place.file, page)
        return raster, file.written.publication.media_type in LOSSY

    def _stages(
        self, scan: Raster, output: Raster | None, lossy: bool
    ) -> tuple[list[Stage], Raster]:
        """Return the stages between the pictures that are at hand, and the last picture.

        Raises ValueError when the last picture is neither in the store nor in an output.
        """
        stages: list[Stage] = []
        before, waiting = scan, list[Change]()
        for number, step in enumerate(self._steps):
            image = next((one for one in step.record.outputs if one.kind == "image"), None)
            if not step.worked or image is None:
                continue
            waiting.append(self._change(number, step))
            after = self._picture(image)
            if after is not None:
                stages.append(Stage(before=before, after=after, changes=tuple(waiting)))
                before, waiting = after, []
        if not waiting:
            return stages, before
        if output is None:
            last = self._steps[waiting[-1].step].record.step
            raise ValueError(
                f"the output is gone, and the picture that {last} made is not in the store either; "
                "archivist run makes both anew"
            )
        tolerance = LOSSY_TOLERANCE * UNITS if lossy else UNITS // 2 + 1
        stages.append(
            Stage(before=before, after=output, changes=tuple(waiting), tolerance=tolerance)
        )
        self._notes.append(
            "The last picture was not kept in the store, so the output file was compared; "
            f"differences up to {tolerance // UNITS or 1} of 255 count as none."
        )
        return stages, output

    def _change(self, number: int, step: AuditStep) -> Change:
        mask, unknown = None, False
        for one in step.inputs:
            if one.use.port == "mask" or one.use.role == "mask":
                mask = self._mask(one)
                unknown = mask is None
        made = {
            lends(one.port): one for one in step.record.outputs if one.kind == Kind.TRANSFER_MAP
        }
        return Change(
            step=number,
            conjectural=step.record.conjectural,
            mask=mask,
            mask_unknown=unknown,
            transfer=self._map(made.get(Lends.TEXTURE)),
            colours=Lends.COLOUR in made,
            exemplars=self._map(made.get(Lends.COLOUR)),
        )

    def _map(self, artifact: Artifact | None) -> TransferMap | None:
        """Return a kept map; None when there is none, after noting one that was not kept."""
        if artifact is None or self._looker.store is None:
            return None
        if not artifact.kept:
            what = lends(artifact.port)
            self._notes.append(f"It is not known whose {what} it is: the map was not kept.")
            return None
        value = load(self._looker.store, artifact)
        return value if isinstance(value, TransferMap) else None

    def _mask(self, used: AuditInput) -> Raster | None:
        """Return a mask that a step read: made by an earlier step, or drawn by hand."""
        if used.use.role == Role.SUPPLIED:
            return self._drawn(used)
        for step in self._steps:
            for one in step.record.outputs:
                if one.digest == used.use.digest and one.kind == "mask":
                    found = self._picture(one)
                    if found is None and not one.kept:
                        self._notes.append(
                            f"The mask that {step.record.step} made was not kept in the store; "
                            'add "mask" to store.keep and run again to have it.'
                        )
                    return found
        return None

    def _drawn(self, used: AuditInput) -> Raster | None:
        """Return a mask that a person drew, if it still lies where it was, unchanged."""
        for path in map(Path, map(text_to_path, used.paths)):
            if path.is_file() and digest_file(path) == used.use.digest:
                pixels = widen(decode(path.read_bytes(), max_pixels=_MAX_PIXELS).pixels)
                return ArrayRaster(pixels.max(axis=2, keepdims=True) >= _HALF)
        self._notes.append("The mask that a person drew is no longer at its place.")
        return None

    def _picture(self, artifact: Artifact) -> Raster | None:
        """Return a kept picture; None when it was not kept or is gone."""
        store = self._looker.store
        if store is None or not artifact.kept or artifact.blob is None:
            return None
        if not store.has(artifact.blob):
            self._notes.append(f"The {artifact.kind} {artifact.blob[:12]} is gone from the store.")
            return None
        return load_picture(store, artifact, scratch=self._looker.scratch).raster
