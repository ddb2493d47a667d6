"""What a training run reads: photographs, groups, and the lessons made of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from archivist_reference_sr.compact.describer import Describer
from archivist_reference_sr.training.lending import Lesson, kept, of_group, of_photo
from archivist_reference_sr.training.pairs import (
    GROUPS,
    HELD_OUT,
    PHOTOS,
    REDUCE,
    Bytes,
    groups,
    rgb,
)
from archivist_torch.data import Picture, read_folder

SELF_TAUGHT = 359
"""Photographs that borrow from themselves, every third of them from another instead."""
STRANGER = 200
"""By how many places the other photograph lies further in the list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Pictures of a run; ``held_out`` ones are for validation alone."""

    photos: Sequence[Bytes]
    groups: dict[str, list[Picture]]
    held_out_photos: Sequence[Bytes]
    held_out: dict[str, list[Picture]]

    @classmethod
    def read(cls, data: Path, cache: Path) -> Material:
        """Read ``data/photos`` and, where there is one, ``data/reference-groups``.

        Raises FileNotFoundError when there are no photographs of a split.
        """
        photos, others = (
            [rgb(p.pixels) for p in read_folder(data / PHOTOS, split, cache=cache)]
            for split in ("train", "val")
        )
        found = groups(data) if (data / GROUPS).is_dir() else []
        named = _by_group(found)
        return cls(
            photos=photos,
            groups={n: g for n, g in named.items() if n not in HELD_OUT},
            held_out_photos=others,
            held_out={n: g for n, g in named.items() if n in HELD_OUT},
        )

    def album(self) -> list[Bytes]:
        """Return everything that the enlarger learns from."""
        grouped = [p.pixels for pictures in self.groups.values() for p in pictures]
        return [*self.photos, *grouped]

    def lessons(self, describer: Describer, how: str, cache: Path) -> list[Lesson]:
        """Return the lessons for training, made now or kept from an earlier sitting."""
        made = kept(cache / f"lessons-photos-{how}.npz", lambda: self._photos(describer, how))
        for name, pictures in self.groups.items():
            made += self._group(name, pictures, self.photos, describer, how, cache)
        return made

    def validation(self, describer: Describer, how: str, cache: Path) -> dict[str, list[Lesson]]:
        """Return the lessons of each group that is held out."""
        return {
            name: self._group(name, pictures, self.held_out_photos, describer, how, cache)
            for name, pictures in self.held_out.items()
        }

    def _photos(self, describer: Describer, how: str) -> Iterator[Lesson]:
        for number, photo in enumerate(self.photos[:SELF_TAUGHT]):
            other = self.photos[(number + STRANGER) % len(self.photos)]
            stranger = other if number % 3 == 2 else None
            yield of_photo(photo, stranger, describer, REDUCE[how], number)

    def _group(
        self,
        name: str,
        pictures: Sequence[Picture],
        strangers: Sequence[Bytes],
        describer: Describer,
        how: str,
        cache: Path,
    ) -> list[Lesson]:
        path = cache / f"lessons-{name}-{how}.npz"
        return kept(path, lambda: of_group(pictures, strangers, describer, REDUCE[how]))


def _by_group(pictures: Sequence[Picture]) -> dict[str, list[Picture]]:
    named: dict[str, list[Picture]] = {}
    for one in pictures:
        group = one.name.split("/")[0]
        named.setdefault(group, []).append(Picture(one.name, rgb(one.pixels)))
    return named
