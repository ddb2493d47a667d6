"""Publishing: each output appears whole, checked and with its metadata, or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from archivist.api.errors import PublishError
from archivist.api.extensions import CodecSpec
from archivist.hashing import digest_file
from archivist.imaging.plugged import is_plugged
from archivist.model import (
    MetadataContract,
    OutputProfile,
    Publication,
)
from archivist.store.atomic import Move, commit_all, discard, move_to
from archivist.store.copying import SMALL, copy_file, write_copy
from archivist.store.job import Output, PageResult, PublishJob
from archivist.store.naming import as_tiff, page_path
from archivist.store.placing import cure_of, cured, has, place
from archivist.store.plugged import render_plugged
from archivist.store.reading import page_metadata
from archivist.store.render import render
from archivist.store.second_reader import check_again

__all__ = ["PageResult", "PublishJob", "Staged", "outputs_of", "publish", "settle", "stage"]

MEDIA_TYPES = {"jpeg": "image/jpeg", "png": "image/png", "tiff": "image/tiff"}
"""The formats that archivist writes; codec plugins add others."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Staged:
    """The outputs of a file, whole and checked, those that are new under temporary names."""

    publications: tuple[Publication, ...]
    moves: tuple[Move, ...]


def stage(job: PublishJob) -> Staged:
    """Write the outputs of all profiles for all copies of a file, under temporary names.

    An output that is already there with the same bytes is left alone. Raises PublishError with the
    cure when one cannot be written whole (codes ``disk-full``, ``not-writable``, ``link``,
    ``format``, ``check``, ``metadata-lost``); nothing is left of any of them then.
    """
    moves: list[Move] = []
    done: list[Publication] = []
    with ExitStack() as failed:
        failed.callback(discard, moves)
        for profile in job.profiles:
            for output in _outputs(job, profile):
                if _untouched(job, output):
                    done += [_copied(job, output, name, moves) for name in output.names]
                else:
                    done += _written(job, output, moves)
        failed.pop_all()
    return Staged(publications=tuple(done), moves=tuple(moves))


def settle(files: Sequence[Staged]) -> list[PublishError | None]:
    """Give the outputs of some files their names, durably; return what went wrong with each."""
    moves = [move for file in files for move in file.moves]
    problems = commit_all(moves)
    if not problems:
        return [None] * len(files)
    discard(moves)
    found = [[m.target for m in file.moves if m.target in problems] for file in files]
    return [cure_of(bad[0], problems[bad[0]]) if bad else None for bad in found]


def publish(job: PublishJob) -> list[Publication]:
    """Stage and settle the outputs of one file. Raises PublishError."""
    staged = stage(job)
    for error in settle([staged]):
        if error is not None:
            raise error
    return list(staged.publications)


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


def _copied(job: PublishJob, output: Output, name: str, moves: list[Move]) -> Publication:
    target = made = place(job, name)
    with cured(target):
        if not has(target, job.digest):
            moves.append(move_to(target))
            made = moves[-1].temporary
            _copy_scan(job, made)
            if digest_file(made) != job.digest:
                raise PublishError(
                    f"{job.scan} changed while it was copied. Cure: run the same command again",
                    code="source-changed",
                )
        size = made.stat().st_size
    kept = MetadataContract(kept=("all, byte for byte",))
    return _publication(job, output, name, (job.digest, size), kept, untouched=True)


def _copy_scan(job: PublishJob, temporary: Path) -> None:
    if job.data is not None and len(job.data) <= SMALL:
        write_copy(job.scan, job.data, temporary)
        return
    try:
        copy_file(job.scan, temporary)
    except FileNotFoundError:
        if job.data is None:
            raise
        write_copy(job.scan, job.data, temporary)  # the scan vanished since it was read


def _written(job: PublishJob, output: Output, moves: list[Move]) -> list[Publication]:
    targets = [place(job, name) for name in output.names]
    with cured(targets[0]):
        first = move_to(targets[0])
        moves.append(first)
        contract = _made(first.temporary, job, output)
        digest, size = digest_file(first.temporary), first.temporary.stat().st_size
        for target in targets[1:]:
            _second_copy(first.temporary, target, digest, moves)
        if has(targets[0], digest):
            discard([first])
            moves.remove(first)
    return [
        _publication(job, output, name, (digest, size), contract, untouched=False)
        for name in output.names
    ]


def _made(temporary: Path, job: PublishJob, output: Output) -> MetadataContract:
    """Write an output, check it, and return its metadata contract."""
    metadata = page_metadata(job, output.pages)
    if output.format in job.codecs:
        contract = render_plugged(temporary, job, output, job.codecs[output.format], metadata[0])
    else:
        contract = render(temporary, job, output, metadata)
    if job.exiftool and len(output.pages) == len(job.pages) and not _unseen(job, output):
        check_again(job.exiftool, job.scan, temporary, contract)
    return contract


def _unseen(job: PublishJob, output: Output) -> bool:
    """Tell whether a codec takes part that does not look for metadata: those are all lost."""
    source = job.pages[0].header
    kinds = [source.format] if is_plugged(source) else []
    kinds += [output.format] if output.format in job.codecs else []
    return any(job.codecs[kind].metadata is None for kind in kinds)


def _second_copy(made: Path, target: Path, digest: str, moves: list[Move]) -> None:
    if has(target, digest):
        return
    moves.append(move_to(target))
    copy_file(made, moves[-1].temporary)
    if digest_file(moves[-1].temporary) != digest:
        raise PublishError(f"{target} was not written as meant. Cure: check the disk")


def _publication(
    job: PublishJob,
    output: Output,
    name: str,
    made: tuple[str, int],
    contract: MetadataContract,
    *,
    untouched: bool,
) -> Publication:
    digest, size = made
    return Publication(
        source=job.paths[output.names.index(name)],
        digest=job.digest,
        profile=output.profile.name,
        path=name,
        output_digest=digest,
        size=size,
        media_type=_media_type(job, output.format),
        untouched=untouched,
        contract=contract,
    )


def _media_type(job: PublishJob, kind: str) -> str:
    named = job.codecs[kind].media_type if kind in job.codecs else MEDIA_TYPES[kind]
    return named or f"image/x-{kind}"


def outputs_of(job: PublishJob) -> Sequence[str]:
    """Return the names of all outputs of a job, without writing any."""
    return [
        name
        for profile in job.profiles
        for output in _outputs(job, profile)
        for name in output.names
    ]
