"""The other things a plugin may offer or observe, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from archivist.api.steps import NoParams
from archivist.api.values import Colour


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecSpec:
    """A reader (and writer) of one more image format.

    ``suffixes`` are lower case with dot; ``signature`` is the first bytes of such a file.
    ``read`` ("mod:fn") takes the bytes of a file and the page number and returns an
    :class:`~archivist.api.values.Image`; ``write``, if any, takes an image and returns bytes.

    ``probe`` ("mod:fn"), if any, takes the bytes of a file and returns an :class:`ImageHeader`
    without decoding a pixel: a file that declares more pixels than the limit is then refused before
    it costs memory, and one that decodes to something else than it declares is refused as well.
    ``media_type`` is that of outputs in this format; empty: ``image/x-ID``.

    ``metadata`` ("mod:fn"), if any, takes the bytes of a file and returns a :class:`CodecMetadata`
    without decoding a pixel. ``places`` names the fields of it for which the format has a place:
    some of ``exif``, ``xmp``, ``iptc`` and ``dpi``. With any, ``write`` takes a
    :class:`CodecMetadata` with these fields as its second argument, and ``metadata`` must find in
    the file what was given.
    """

    id: str
    title: str
    suffixes: Sequence[str]
    signature: bytes
    read: str
    write: str | None = None
    probe: str | None = None
    media_type: str = ""
    metadata: str | None = None
    places: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecMetadata:
    """What a file of a codec says beside its picture and colour profile, and how it is stored.

    archivist does the rest by the rules that hold for JPEG, TIFF and PNG: it turns the picture
    upright as Exif says, changes what is no longer true, adds the history, and lists it all.
    """

    exif: bytes | None = None
    """A block that begins as a TIFF file does, with ``II`` or ``MM``."""
    xmp: bytes | None = None
    """A packet, in UTF-8."""
    iptc: bytes | None = None
    """Records of IPTC-IIM, without Photoshop's resources around them."""
    dpi: tuple[float, float] | None = None
    """Dots per inch (x, y) of the picture as ``read`` returns it, above 0."""
    turned: bool = False
    """``read`` turns the picture upright by another rule of the format: Exif has no say in it."""
    bits: int = 0
    """Bits of a sample as stored, where they are not the ``depth`` of what ``read`` returns."""
    palette: bool = False
    """The samples as stored are numbers of a palette, whose colours ``read`` returns."""
    model: str = ""
    """The colours as stored (``sYCC``), where ``read`` turns them into grey or RGB."""
    lost: Mapping[str, str] = field(default_factory=dict)
    """What else the file says, by name (``Jpeg2000:XML``), with the reason why it stays there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageHeader:
    """What a codec's ``read`` will return for a file: size in pixels, colour, depth of 8 or 16."""

    width: int
    height: int
    colour: Colour
    depth: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSpec:
    """A check that compares a step's image before and after and may ask a person to look at it.

    ``run`` ("mod:fn") takes before and after as :class:`~archivist.api.values.Image` and returns a
    :class:`~archivist.api.steps.Verdict`: ``needed`` means "a person should look". Both have one
    size: where a step enlarges, the image before is enlarged by plain interpolation.
    ``steps`` are the step ids it looks at, empty for all.
    """

    id: str
    title: str
    run: str
    steps: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExporterSpec:
    """A format of reports. ``run`` ("mod:fn") takes plain rows and a destination path.

    With ``folder`` it makes a folder at the destination, else a file. With ``params`` (as those of
    a step) it takes an instance of them as a third argument; ``archivist report --set`` fills them.

    ``ready`` ("mod:fn"), if any, takes the params alone and looks whether all is there that an
    export needs: it raises UsageError with the cure, or returns a text that is another one when the
    same rows would be exported otherwise (it may hold the digest of a certificate). ``update``
    ("mod:fn"), if any, takes what ``run`` takes, with the folder of an earlier export or the name
    of a new one. It makes only what changed, each file whole or not at all, and returns an
    :class:`Exported`.
    """

    id: str
    title: str
    suffix: str
    run: str
    folder: bool = False
    params: type = NoParams
    ready: str | None = None
    update: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export came to, counted in what it consists of: outputs, or pages.

    ``failed`` are (path, reason) of those that could not be exported; ``removed`` is what an
    earlier export had and this one has no longer.
    """

    made: int = 0
    kept: int = 0
    removed: int = 0
    failed: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceQuery:
    """An asset that looks for references: digest (SHA-256, hex), and its row of the manifest."""

    digest: str
    width: int
    height: int
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A possible reference with its similarity 0..1 and the reason for its place."""

    digest: str
    score: float
    reason: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEvent:
    """One step of one asset has ended. ``status`` is done, reused, skipped or failed."""

    run: str
    asset: str
    path: str
    step: str
    status: str
    reason: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """A run has ended; counts are of assets."""

    run: str
    started: datetime
    finished: datetime
    done: int
    skipped: int
    failed: int
