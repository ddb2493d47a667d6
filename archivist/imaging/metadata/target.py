"""What is to be written, and the book in which every change of the metadata is entered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from archivist.api.values import Colour
from archivist.imaging.carried import CarriedMetadata
from archivist.imaging.metadata.ifd import Directory
from archivist.model import Header, MetadataContract


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEvent:
    """One thing that was done to the picture, for xmpMM:History.

    ``action`` is a word of the XMP specification (``edited``, ``resized``, ``converted``),
    ``agent`` the software with its version, ``parameters`` free text.
    """

    action: str
    agent: str
    when: datetime
    parameters: str = ""
    changed: str = "/content"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestorationNote:
    """How a derivative came to be. ``synthetic``: a trained model painted pixels.

    ``source_digest`` is the SHA-256 (hex) of the scan, ``profile`` the name of the output profile.
    Equal notes give equal document identifiers, so that a repeated run writes the same bytes.
    """

    source_digest: str
    profile: str
    software: str
    when: datetime
    events: tuple[HistoryEvent, ...] = ()
    synthetic: bool = False
    restored: bool = True
    """False when no step changed a pixel and the file was only converted or resized."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A page as it will be written: ``width`` and ``height`` upright, ``dpi`` (x, y) or None.

    ``places`` are those that a format of a codec plugin has for metadata, None for our own formats.
    ``stored`` is the header of the scan's page. ``thumbnail`` is a small JPEG of the new picture,
    None to leave thumbnails out. ``note`` is None for a page that nothing was done to.
    """

    format: str
    width: int
    height: int
    depth: int
    dpi: tuple[float, float] | None
    stored: Header
    icc: bytes | None = None
    colour: Colour | None = None
    """What the channels mean now, where that is known: a step may have coloured a grey scan."""
    places: frozenset[str] | None = None
    thumbnail: bytes | None = None
    note: RestorationNote | None = None

    @property
    def turned(self) -> bool:
        """Whether width and height changed places when the pixels were made upright."""
        return self.stored.orientation >= 5

    def holds(self, place: str) -> bool:
        """Tell whether the format has a place for ``exif``, ``xmp``, ``iptc`` or ``dpi``."""
        return self.places is None or place in self.places

    @property
    def scale(self) -> tuple[float, float]:
        """How much larger the picture became, (x, y), upright."""
        width, height = self.stored.upright_size
        return self.width / width, self.height / height


@dataclass(slots=True)
class Ledger:
    """Collects what changes, with the reasons, while the metadata are carried over."""

    changed: dict[str, str] = field(default_factory=dict)
    added: dict[str, str] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)

    def set(self, name: str, *, existed: bool, reason: str) -> None:
        """Enter a value that was written: changed when there was one, else added."""
        (self.changed if existed else self.added).setdefault(name, reason)

    def lose(self, names: Iterable[str], reason: str) -> None:
        """Enter names that are not carried over."""
        for name in names:
            self.lost.setdefault(name, reason)
            self.changed.pop(name, None)

    def contract(self, names: Iterable[str]) -> MetadataContract:
        """Return the contract; ``names`` are those of the scan."""
        named = set(names)
        written = dict(sorted({**self.added, **self.changed}.items()))
        return MetadataContract(
            kept=tuple(sorted(named - written.keys() - self.lost.keys())),
            changed={name: reason for name, reason in written.items() if name in named},
            added={name: reason for name, reason in written.items() if name not in named},
            lost={name: self.lost[name] for name in sorted(self.lost)},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """The metadata of one page, ready to be written.

    ``pieces`` go to the encoder; ``directory`` holds the tags of a TIFF page, which are put into
    the finished file, because no encoder writes the directories below a page as they were.
    """

    pieces: CarriedMetadata
    contract: MetadataContract
    directory: Directory | None = None
