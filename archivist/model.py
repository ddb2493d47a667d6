"""The frozen values that travel between the stages; each section names the stage that makes them.

Paths in here are text: POSIX, relative to the root of the scans, in the form of
:func:`path_to_text`, so that they fit into any database and back into any file system.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from archivist.api.values import Colour
from archivist.hashing import digest_json

# A byte that is not UTF-8 reaches us as a lone surrogate (PEP 383), which Postgres refuses.
# The private-use block U+F780..U+F7FF stands for it in text; real names do not use that block.
_TO_TEXT = {0xDC80 + n: 0xF780 + n for n in range(128)}
_SURROGATES = re.compile("[\ud800-\udfff]")
_TO_PATH = {text: path for path, text in _TO_TEXT.items()}


def path_to_text(path: str) -> str:
    """Return a path of the file system as text that any database takes."""
    return path.translate(_TO_TEXT)


def text_to_path(text: str) -> str:
    """Return the path of the file system that :func:`path_to_text` was given."""
    return text.translate(_TO_PATH)


def clean_text(text: str) -> str:
    """Return text without what Postgres refuses: NUL becomes U+2400, lone surrogates U+FFFD.

    Reasons and messages pass through here before a record is digested, so that what the catalog
    stores is what was digested.
    """
    if "\0" in text:
        text = text.replace("\0", "\u2400")
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


MESSAGE_LENGTH = 1000
"""Characters of a reason or message that are recorded and shown."""


def shortened(text: str, most: int = MESSAGE_LENGTH) -> str:
    """Return text of at most about ``most`` characters; what is left out of its middle is counted.

    Plugins may say anything; the end stays, because errors tell their cure there.
    """
    if len(text) <= most:
        return text
    head = most * 2 // 3
    tail = most - head
    left_out = len(text) - most
    return f"{text[:head]} ... {left_out} characters left out ... {text[-tail:]}"


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number of things as people read it: ``1 file``, ``1,200 files``.

    ``plural`` is for nouns that do more than to take an s.
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def now() -> datetime:
    """Return the time in UTC, with microseconds."""
    return datetime.now(UTC)


class Status(StrEnum):
    """How a step or an asset ended."""

    DONE = "done"
    REUSED = "reused"
    SKIPPED = "skipped"
    FAILED = "failed"


DENIED = "rights"
"""Code of an asset that was skipped because its rights forbid it."""
RIGHTS_CHANGED = "rights-changed"
"""Code of an asset that failed because rights changed while it was worked on."""
APPROVED = "approved"
"""Code of an asset that was skipped because an approved result lies in its place, and stays."""
NOT_AS_APPROVED = "not-as-approved"
"""Code of an asset that failed because what was made again is not the result that was approved."""


# --- scan -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What the header of one page says, before any pixel is decoded.

    ``width`` and ``height`` are as stored, in pixels; ``orientation`` is the EXIF value 1..8 that
    turns them upright. ``depth`` is bits per sample as stored, 1 to 16; ``dpi`` is (x, y).
    ``layout`` describes the rest in words: ``tiled deflate BigTIFF``.
    """

    format: str
    width: int
    height: int
    colour: Colour
    depth: int
    alpha: bool = False
    palette: bool = False
    orientation: int = 1
    dpi: tuple[float, float] | None = None
    icc_digest: str | None = None
    layout: str = ""

    @property
    def megapixels(self) -> float:
        """Area in millions of pixels."""
        return self.width * self.height / 1e6

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height after the orientation was applied."""
        turned = self.orientation >= 5
        return (self.height, self.width) if turned else (self.width, self.height)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One page of one scan, known by content: the unit that ends as done, skipped or failed."""

    digest: str
    """SHA-256 (hex) of the whole file."""
    page: int
    """0 for the first or only page."""
    pages: int
    header: Header
    perceptual_hash: str | None = None
    """64-bit pHash (hex) of the picture; near duplicates differ in few bits."""
    exif: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    """The row of the manifest: inventory_no, title, date, series, rights, object_id, and more."""

    @property
    def uid(self) -> str:
        """The name of the asset: the digest, with ``#page`` when the file has several."""
        return self.digest if self.pages == 1 else f"{self.digest}#{self.page}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanFile:
    """A file that can be treated, with its pages."""

    path: str
    digest: str
    size: int
    mtime_ns: int
    assets: tuple[Asset, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A file that cannot be treated: ``code`` for tables, ``reason`` for people with the cure."""

    path: str
    code: str
    reason: str
    status: Status = Status.FAILED
    """SKIPPED for a file that is no picture and does not claim to be one (``Thumbs.db``)."""
    size: int = 0
    mtime_ns: int = 0


# --- plan -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeStep:
    """A step of a recipe with its params, all defaults filled in."""

    step: str
    params: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """Params for some assets: those for which the expression ``where`` is true."""

    where: str
    step: str
    params: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A named list of steps. ``seed`` enters every step key."""

    name: str
    title: str
    steps: tuple[RecipeStep, ...]
    overrides: tuple[Override, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Values that a person made: name of the value -> folder of files named like the scans."""
    seed: int = 0


class Action(StrEnum):
    """What the plan says about one step of one asset."""

    RUN = "run"
    """It will run."""
    FOLLOW = "follow"
    """An earlier step runs; if that step's output turns out unchanged, this one is reused."""
    REUSE = "reuse"
    """Its result is in the catalog."""
    PINNED = "pinned"
    """The approved result stays."""
    DENIED = "denied"
    """The photograph's rights forbid it; what comes after works without its result."""
    HELD = "held"
    """The approved result of another scan lies in its place, and stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One step of one asset, as planned. ``key`` is known when all input digests are known."""

    asset: str
    ordinal: int
    step: str
    version: int
    params: Mapping[str, object]
    action: Action
    reason: str
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a plan will cost: seconds of one worker, peak memory of one worker, bytes written.

    ``output_bytes`` and ``store_bytes`` are what outputs and store grow by if each step is needed.
    """

    seconds: float = 0.0
    ram_mib: float = 0.0
    vram_mib: float = 0.0
    output_bytes: int = 0
    store_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownResult:
    """A stored result that a worker may reuse: the key of a step and what came out of it."""

    key: str
    record: str
    """Digest of the step record."""
    status: str
    reason: str
    outputs: tuple[Artifact, ...]
    started: datetime | None = None
    """When the step began; known to workers only, who write it into outputs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplied:
    """A value that a person made for one asset: a mask drawn by hand, for instance.

    ``port`` names the value, ``path`` is absolute, ``digest`` the SHA-256 of the file.
    """

    port: str
    path: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookalike:
    """A place of the archive that looks like a place of an asset, and may become its reference.

    Regions are x, y, width, height in pixels of the upright scan; ``path`` is any of the places
    where the file lies, relative to the scans. A plan that is still being made leaves ``path`` and
    ``facts`` out; they are filled in where the frozen plan is read.
    """

    asset: str
    page: int
    path: str = ""
    region: tuple[int, int, int, int]
    near: tuple[int, int, int, int]
    """The region of the asset itself that it looks like."""
    cosine: float
    """Similarity of the embeddings, -1..1."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Of the manifest: rights, object_id, date, where known."""


MADE = "made"
"""The fact of a lookalike that it is no original: an approved result among the scans."""


def lookalikes_digest(lookalikes: Sequence[Lookalike]) -> str:
    """Return what a step key holds of lookalikes: the places in their order, without the scores."""
    return digest_json([[one.asset, one.region, one.near] for one in lookalikes])


@dataclass(frozen=True, slots=True, kw_only=True)
class PageWork:
    """What is to be done for one asset: its tasks in order and the results it may reuse.

    ``lookalikes`` are what the second pass of a plan found for it, by the inputs of steps that take
    it (:data:`archivist.lending.LOOKALIKES`), the same object's first and the most similar before
    others, in the index of which ``snapshot`` is the digest; there is none where the recipe takes
    no references.
    """

    asset: Asset
    tasks: tuple[Task, ...]
    known: tuple[KnownResult, ...] = ()
    supplied: tuple[Supplied, ...] = ()
    lookalikes: Mapping[str, tuple[Lookalike, ...]] = field(default_factory=dict)
    snapshot: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileWork:
    """The pages of one file; they are published together. ``paths`` are all its copies."""

    digest: str
    paths: tuple[str, ...]
    pages: tuple[PageWork, ...]
    when: datetime | None = None
    """The time that the outputs shall name; None for that of the work. A replay names the first."""
    approved: frozenset[str] = frozenset()
    """SHA-256 of the outputs that a person approved; no others are published. Empty: any are."""
    published: frozenset[str] = frozenset()
    """SHA-256 of all outputs that were ever published in its places; empty where none were."""

    @property
    def rests(self) -> bool:
        """Tell whether nothing is to be done: every result is there, approved, or forbidden."""
        at_rest = (Action.REUSE, Action.PINNED, Action.DENIED, Action.HELD)
        return all(task.action in at_rest for page in self.pages for task in page.tasks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """What a step made of a member of a sequence, for the members after it.

    ``record`` is the digest of the record that made it. ``path`` names the member, ``size`` is the
    width and height of its upright scan, and the value lies on a picture ``grown`` times as large.
    """

    ordinal: int
    artifact: Artifact
    record: str
    path: str
    size: tuple[int, int]
    grown: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkUnit:
    """What one worker does in one go: one file, or some files of an ordered sequence.

    Units of one ``sequence`` are never done side by side; each begins with what the one before it
    ``handed`` on. A file of a sequence that :attr:`~FileWork.rests` only gives its results.
    """

    uid: str
    files: tuple[FileWork, ...]
    seconds: float
    """Estimated time of one worker."""
    ram_mib: float = 0.0
    vram_mib: float = 0.0
    sequence: str | None = None
    handed: tuple[Handed, ...] = ()


# --- step, store ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A value as it lies in the store (or, with ``kept=False``, only its digest is known).

    ``digest`` is of the value (shape and samples), ``blob`` the SHA-256 of the stored file.
    """

    port: str
    kind: str
    digest: str
    kept: bool = True
    blob: str | None = None
    size: int = 0
    media_type: str = ""
    width: int = 0
    height: int = 0


class Role:
    """What an input was to a step, as records name it."""

    SCAN = "scan"
    """The scan itself."""
    SUPPLIED = "supplied"
    """A value that a person made."""
    BEFORE = "before"
    """What the step made last in a sequence; the note says of which member."""
    CANDIDATES = "candidates"
    """The lookalikes among which a step chose."""
    CHOSEN = "chosen"
    """A photograph that a step chose as a reference."""
    REFERENCE = "reference"
    """A photograph that a step may have borrowed from."""
    PHOTOGRAPHS = (CHOSEN, REFERENCE)
    """Those that name a file of the archive and no value."""


_REGION = re.compile(r"(?:page (\d+), )?region (\d+),(\d+),(\d+),(\d+): ")


@dataclass(frozen=True, slots=True, kw_only=True)
class InputUse:
    """A value that a step read: port, digest of the value, :class:`Role`, or a step's own word.

    Of a photograph ``digest`` is the SHA-256 of its file; :meth:`of_photograph` writes the note.
    """

    port: str
    digest: str
    role: str
    score: float | None = None
    note: str = ""

    @classmethod
    def of_photograph(
        cls,
        port: str,
        role: str,
        *,
        asset: str,
        region: tuple[int, int, int, int],
        score: float,
        reason: str,
    ) -> InputUse:
        """Return the use of a region of an asset: ``page 2, region 10,20,300,200: shows ...``."""
        digest, _, page = asset.partition("#")
        place = f"page {int(page) + 1}, " if page else ""
        note = f"{place}region {','.join(map(str, region))}: {reason}"
        return cls(port=port, digest=digest, role=role, score=score, note=note)

    @property
    def asset(self) -> str:
        """The uid of the photograph, with ``#page`` when its file has several."""
        found = _REGION.match(self.note)
        return f"{self.digest}#{int(found[1]) - 1}" if found and found[1] else self.digest

    @property
    def region(self) -> tuple[int, int, int, int] | None:
        """The region of the photograph (x, y, width, height), None where the note tells none."""
        found = _REGION.match(self.note)
        if found is None:
            return None
        x, y, width, height = map(int, found.groups()[1:])
        return x, y, width, height


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightUse:
    """A weight file that a step used."""

    name: str
    digest: str
    licence: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleWeight(WeightUse):
    """A weight file that a step declares, and that it did not open for this photograph.

    Its digest is part of the step key all the same. A class of its own, so that records of which
    all weights were used have the digests that they always had.
    """

    used: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """That a step was carried out, with everything an auditor needs after the plugin is gone.

    ``parents`` are the digests of the records that made the inputs; ``digest`` is the SHA-256 of
    the record's canonical JSON without itself. Records are never changed.
    """

    asset: str
    ordinal: int
    step: str
    version: int
    title: str
    distribution: str
    distribution_version: str
    conjectural: bool
    key: str
    status: Status
    reason: str = ""
    code: str = ""
    params: Mapping[str, object]
    inputs: tuple[InputUse, ...]
    outputs: tuple[Artifact, ...] = ()
    weights: tuple[WeightUse, ...] = ()
    """All that the step declares for its params, as the key holds them; see ``used_weights``."""
    seed: int
    device: str
    determinism: str
    tiling: Mapping[str, object] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    environment: str
    """Digest of :attr:`UnitOutcome.environment`."""
    started: datetime
    seconds: float
    peak_mib: float = 0.0
    log: tuple[str, ...] = ()
    operator: str = ""
    parents: tuple[str, ...] = ()
    digest: str = ""

    @property
    def used_weights(self) -> tuple[WeightUse, ...]:
        """The weight files that the step opened for this photograph."""
        return tuple(one for one in self.weights if not isinstance(one, IdleWeight))

    @property
    def idle_weights(self) -> tuple[WeightUse, ...]:
        """The weight files that the step declares and did not open for this photograph."""
        return tuple(one for one in self.weights if isinstance(one, IdleWeight))


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataContract:
    """What became of the scan's metadata: names of tags, with reasons where not kept.

    ``changed``, ``added`` and ``lost`` map a tag's name to the reason.
    """

    kept: tuple[str, ...] = ()
    changed: Mapping[str, str] = field(default_factory=dict)
    added: Mapping[str, str] = field(default_factory=dict)
    lost: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """An output file: ``path`` is relative to the output folder, ``source`` to the scans."""

    source: str
    digest: str
    """SHA-256 of the scan."""
    profile: str
    path: str
    output_digest: str
    """SHA-256 of the output file."""
    size: int
    media_type: str
    untouched: bool
    """True when no step changed a pixel and the file is a byte copy of the scan."""
    contract: MetadataContract
    key: str = ""
    """Digest of what was to be written (page values, profile, name): equal keys, equal file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """That what something other than archivist made of an output lies under another name now.

    ``path`` is the place of the output, ``beside`` the new name, ``digest`` the SHA-256 of the file
    and ``asset`` the uid of the photograph.
    """

    path: str
    beside: str
    digest: str
    asset: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """That a plugin's check wants a person to look at what a step made, and why.

    ``key`` is the step key of the result: the flag holds as long as that result is in use.
    """

    check: str
    step: str
    key: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetOutcome:
    """How one asset ended. ``message`` tells the cure when it failed, the reason when skipped."""

    asset: str
    status: Status
    code: str = ""
    message: str = ""
    records: tuple[StepRecord, ...] = ()
    seconds: float = 0.0
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitOutcome:
    """What a worker sends back for one work unit: small values only, never pixels."""

    unit: str
    assets: tuple[AssetOutcome, ...]
    publications: tuple[Publication, ...] = ()
    environment: Mapping[str, object] = field(default_factory=dict)
    worker: str = ""
    started: datetime
    seconds: float
    peak_mib: float = 0.0
    handed: tuple[Handed, ...] = ()
    """What the unit of a sequence hands on to the next."""
    set_aside: tuple[SetAside, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputProfile:
    """How a result is written.

    ``format``: same, tiff, jpeg or png; ``depth``: same, 8 or 16; ``folder`` is the subfolder of
    the output folder, empty for the folder itself; ``max_side`` shrinks access copies (0: no).
    """

    name: str
    format: str = "same"
    depth: str = "same"
    folder: str = ""
    quality: int = 95
    max_side: int = 0


def publication_key(
    images: Sequence[str], profile: OutputProfile, path: str, *, synthetic: bool
) -> str:
    """Return the identity of an output file: which page images, written how, under which name."""
    form = [profile.format, profile.depth, profile.quality, profile.max_side, profile.folder]
    return digest_json([images, form, path, synthetic])


@dataclass(frozen=True, slots=True, kw_only=True)
class Certified:
    """Another version of a step, or other weights, whose results stand for those of now.

    ``said`` tells by whom and when that was accepted.
    """

    version: int
    weights: tuple[str, ...]
    new_version: int
    new_weights: tuple[str, ...]
    said: str = ""

    def stands_for(self, version: int, weights: Sequence[str]) -> bool:
        """Tell whether this is about a step of this version with these weights."""
        return (self.new_version, self.new_weights) == (version, tuple(weights))


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """Where a worker finds and leaves things; the same for all units of a run. Absolute paths."""

    scans: str
    out: str
    store: str
    weights: tuple[str, ...]
    """Folders where imported weights lie."""
    scratch: str
    profiles: tuple[OutputProfile, ...]
    keep: tuple[str, ...]
    """Kinds of artifacts to keep in the store."""
    run: str
    operator: str
    max_pixels: int
    stream_above_mp: float = 64.0
    """Images above this many megapixels are worked on in windows, for tiled steps."""
    allow: tuple[str, ...] = ()
    """Distributions of plugins that may be loaded, empty for all; ``block``: never."""
    block: tuple[str, ...] = ()
    seed: int = 0
    device_family: str = "cpu"
    exiftool: str = "never"
    """``auto``: outputs are read a second time by exiftool where that is installed."""
    names: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(profile, source path) -> output path, where that differs from the plain rule."""
    threads: int = 0
    """Of each worker, where a replay takes the recorded number; 0 for what it may use."""
    certified: Mapping[str, tuple[Certified, ...]] = field(default_factory=dict)
    """Step -> whose results are reused beside its own."""
    denials: str = ""
    """The file that tells workers what rights deny since the plan; it may not be there."""
    approved: str = ""
    """The folder that tells workers what was approved since the plan, by the SHA-256 of scan and
    outputs; it may not be there."""
    meant: str = ""
    """The folder where workers note what they are about to publish in the places of outputs."""
