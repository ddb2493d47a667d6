"""Pages of a long file wait in files until all are done: a file is published whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from archivist.api.errors import StoreError
from archivist.imaging.raster import FileRaster, Raster, copy_raster
from archivist.model import FileWork, Workshop
from archivist.step.held import Held
from archivist.step.page import PageDraft
from archivist.store.pictures import StoredPicture


def is_long(file: FileWork, workshop: Workshop) -> bool:
    """Tell whether the pages of a file are too much to be held in memory together."""
    area = sum(page.asset.header.megapixels for page in file.pages)
    return len(file.pages) > 1 and area > workshop.stream_above_mp


def set_aside(draft: PageDraft, folder: Path, number: int) -> PageDraft:
    """Return a finished page that holds no pixels in memory; they lie in a scratch folder.

    Raises StoreError when there is no room for them.
    """
    if draft.page is None or draft.image is None:
        return draft
    folder.mkdir(parents=True, exist_ok=True)
    picture, alpha = draft.image.picture, draft.page.alpha
    try:
        raster = _copied(picture.raster, folder / f"page-{number}.npy")
        alpha = None if alpha is None else _copied(alpha, folder / f"page-{number}-alpha.npy")
    except OSError as error:
        message = f"{folder} cannot take page {number + 1}: {error.strerror or error}"
        raise StoreError(f"{message}. Cure: make room on the disk of the output folder") from error
    aside = replace(picture, raster=raster)
    return replace(
        draft,
        image=_lying(draft.image, aside),
        page=replace(draft.page, picture=aside, alpha=alpha),
        handed={},
    )


def _copied(source: Raster, path: Path) -> FileRaster:
    target = FileRaster.create(path, source.shape, source.dtype)
    copy_raster(source, target)
    return target


def _lying(held: Held, picture: StoredPicture) -> Held:
    return Held(
        kind=held.kind,
        digest=held.digest,
        role=held.role,
        load=lambda: picture,
        maker=held.maker,
        note=held.note,
        grown=held.grown,
    )
