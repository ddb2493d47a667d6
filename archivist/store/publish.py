"""Publishing: each output appears whole, checked and with its metadata, or not at all."""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from archivist.api.errors import PublishError
from archivist.api.extensions import CodecSpec
from archivist.hashing import digest_file
from archivist.imaging.metadata import SourceMetadata
from archivist.imaging.plugged import is_plugged
from archivist.model import (
    MetadataContract,
    OutputProfile,
    Publication,
    text_to_path,
)
from archivist.store.atomic import commit, staged
from archivist.store.copying import copy_file
from archivist.store.job import Output, PageResult, PublishJob
from archivist.store.naming import as_tiff, page_path
from archivist.store.plugged import render_plugged, unread
from archivist.store.reading import scan_metadata
from archivist.store.render import render
from archivist.store.second_reader import check_again

__all__ = ["PageResult", "PublishJob", "outputs_of", "publish"]

MEDIA_TYPES = {"jpeg": "image/jpeg", "png": "image/png", "tiff": "image/tiff"}
"""The formats that archivist writes; codec plugins add others."""


def publish(job: PublishJob) -> list[Publication]:
    """Write the outputs of all profiles for all copies of a file.

    An output that is already there with the same bytes is left alone. Raises PublishError with the
    cure when one cannot be written whole (codes ``disk-full``, ``not-writable``, ``link``,
    ``format``, ``check``, ``metadata-lost``); the files under these names are then as they were.
    """
    done = []
    for profile in job.profiles:
        for output in _outputs(job, profile):
            if _untouched(job, output):
                done += [_copied(job, output, name) for name in output.names]
            else:
                done += _written(job, output)
    return done


def _outputs(job: PublishJob, profile: OutputProfile) -> Iterator[Output]:
    kind = job.pages[0].header.format if profile.format == "same" else profile.format
    if kind in job.codecs:
        yield _plugged(job, profile, job.codecs[kind])
        return
    if kind not in MEDIA_TYPES:
        raise PublishError(
            f"{kind} cannot be written. Cure: set format to tiff, jpeg or png in the output "
            f"profile {profile.name!r}",
            code="format",
        )
    names = tuple(job.names.path(profile, path) for path in job.paths)
    numbers = tuple(range(len(job.pages)))
    if kind == "tiff" or len(numbers) == 1:
        yield Output(profile=profile, format=kind, pages=numbers, names=names)
        return
    for number in numbers:
        own = tuple(page_path(name, number) for name in names)
        yield Output(profile=profile, format=kind, pages=(number,), names=own)


def _plugged(job: PublishJob, profile: OutputProfile, codec: CodecSpec) -> Output:
    """Return an output in the format of a codec, or as TIFF where the codec only reads."""
    names = tuple(job.names.path(profile, path) for path in job.paths)
    output = Output(profile=profile, format=codec.id, pages=(0,), names=names)
    if codec.write is not None or _untouched(job, output):
        return output
    converted = tuple(job.names.path(as_tiff(profile), path) for path in job.paths)
    return Output(profile=profile, format="tiff", pages=(0,), names=converted)


def _untouched(job: PublishJob, output: Output) -> bool:
    """Tell whether the scan itself, byte for byte, is what the profile asks for."""
    profile = output.profile
    headers = [page.header for page in job.pages]
    small = profile.max_side == 0 or all(
        max(header.width, header.height) <= profile.max_side for header in headers
    )
    deep = profile.depth == "same" or all(str(header.depth) == profile.depth for header in headers)
    same = all(header.format == output.format for header in headers)
    whole = len(output.pages) == len(job.pages)
    return whole and same and small and deep and not any(page.changed for page in job.pages)


def _copied(job: PublishJob, output: Output, name: str) -> Publication:
    target = _place(job, name)
    with _cured(target):
        if not _has(target, job.digest):
            with staged(target.parent) as temporary:
                _copy_scan(job, temporary)
                if digest_file(temporary) != job.digest:
                    raise PublishError(
                        f"{job.scan} changed while it was copied. Cure: run the same command again",
                        code="source-changed",
                    )
                commit(temporary, target)
    kept = MetadataContract(kept=("all, byte for byte",))
    return _publication(job, output, name, job.digest, kept, untouched=True)


def _copy_scan(job: PublishJob, temporary: Path) -> None:
    try:
        copy_file(job.scan, temporary)
    except FileNotFoundError:
        if job.data is None:
            raise
        temporary.write_bytes(job.data)  # the scan vanished since it was read


def _written(job: PublishJob, output: Output) -> list[Publication]:
    targets = [_place(job, name) for name in output.names]
    with _cured(targets[0]), staged(targets[0].parent) as temporary:
        contract = _made(temporary, job, output)
        digest = digest_file(temporary)
        for target in targets[1:]:
            _second_copy(temporary, target, digest)
        if not _has(targets[0], digest):
            commit(temporary, targets[0])
    return [
        _publication(job, output, name, digest, contract, untouched=False) for name in output.names
    ]


def _made(temporary: Path, job: PublishJob, output: Output) -> MetadataContract:
    """Write an output, check it, and return its metadata contract."""
    if output.format in job.codecs:
        return render_plugged(temporary, job, output, job.codecs[output.format])
    source = job.pages[0].header
    if is_plugged(source):
        blank = [SourceMetadata(format=source.format) for _ in output.pages]
        return unread(render(temporary, job, output, blank), source.format)
    metadata = scan_metadata(job.scan, job.data, output.pages)
    contract = render(temporary, job, output, metadata)
    if job.exiftool and len(output.pages) == len(job.pages):
        check_again(job.exiftool, job.scan, temporary, contract)
    return contract


def _second_copy(made: Path, target: Path, digest: str) -> None:
    if _has(target, digest):
        return
    with staged(target.parent) as temporary:
        copy_file(made, temporary)
        if digest_file(temporary) != digest:
            raise PublishError(f"{target} was not written as meant. Cure: check the disk")
        commit(temporary, target)


def _publication(
    job: PublishJob,
    output: Output,
    name: str,
    digest: str,
    contract: MetadataContract,
    *,
    untouched: bool,
) -> Publication:
    return Publication(
        source=job.paths[output.names.index(name)],
        digest=job.digest,
        profile=output.profile.name,
        path=name,
        output_digest=digest,
        size=(job.out / text_to_path(name)).stat().st_size,
        media_type=MEDIA_TYPES.get(output.format) or f"image/x-{output.format}",
        untouched=untouched,
        contract=contract,
    )


def _has(target: Path, digest: str) -> bool:
    """Tell whether a plain file with this content is there already."""
    try:
        return target.is_file() and not target.is_symlink() and digest_file(target) == digest
    except OSError:
        return False


def _place(job: PublishJob, name: str) -> Path:
    """Return where an output goes. Raises PublishError when that is outside the output folder."""
    target = job.out / text_to_path(name)
    if not target.parent.resolve().is_relative_to(job.out.resolve()):
        raise PublishError(
            f"{target.parent} leads out of the output folder by a link. Cure: remove the link, "
            "or choose another output folder",
            code="link",
        )
    if target.is_dir() and not target.is_symlink():
        raise PublishError(
            f"{target} is a folder, and an output of this name is to be written there. "
            "Cure: move the folder away",
            code="not-writable",
        )
    if target.exists() and target.samefile(job.scan):
        raise PublishError(
            f"{target} is the scan itself. Cure: choose an output folder outside the scans",
            code="link",
        )
    return target


_CURES = {
    errno.ENOSPC: ("disk-full", "free space on that disk"),
    errno.EDQUOT: ("disk-full", "free space, or raise the quota there"),
    errno.EACCES: ("not-writable", "give write permission there"),
    errno.EPERM: ("not-writable", "give write permission there"),
    errno.EROFS: ("not-writable", "mount that disk for writing"),
    errno.ENAMETOOLONG: ("name-too-long", "shorten the name of the scan or of its folder"),
}


@contextmanager
def _cured(target: Path) -> Iterator[None]:
    """Turn an error of the file system or of a writer into a PublishError that says the cure."""
    try:
        yield
    except (ValueError, struct.error) as error:
        raise PublishError(
            f"{target} cannot be written: {error}. Cure: report this file as a fault of archivist",
            code="write",
        ) from error
    except OSError as error:
        code, cure = _CURES.get(error.errno or 0, ("write", "see to that disk"))
        raise PublishError(
            f"{target} cannot be written: {error.strerror or error}. Cure: {cure}, then run the "
            "same command again",
            code=code,
        ) from error


def outputs_of(job: PublishJob) -> Sequence[str]:
    """Return the names of all outputs of a job, without writing any."""
    return [
        name
        for profile in job.profiles
        for output in _outputs(job, profile)
        for name in output.names
    ]
