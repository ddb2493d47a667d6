"""Pictures of the last report, kept so that the next one need not decode the same scans again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from archivist.hashing import digest_json
from archivist.report.cards import Pair
from archivist.report.lenders import Lender
from archivist.report.overlays import Overlay
from archivist.report.rows import ReportAsset
from archivist.report.strip import Shot
from archivist.store.atomic import replacing

_VERSION = 3
"""Raised when pictures are made in another way."""


class Maker(Protocol):
    """Makes the pictures of assets; ``side`` is the longest side in pixels."""

    side: int

    def pairs(self, assets: list[ReportAsset]) -> Iterator[Pair]:
        """Yield the pictures of each asset in turn."""


class CachedPictures:
    """Takes pictures from a folder when scan, output and mask are the same, else makes and keeps.

    Only whole pairs are kept: a scan that was away is looked for again. What a report did not use
    is removed at its end. A folder that cannot be written is no reason to have no report.
    """

    def __init__(self, maker: Maker, folder: Path) -> None:
        self._maker, self._folder = maker, folder

    def pairs(self, assets: list[ReportAsset]) -> Iterator[Pair]:
        """Yield the pictures of each asset in turn."""
        keys = [self._key(asset) for asset in assets]
        new = [asset for asset, key in zip(assets, keys, strict=True) if not self._has(key)]
        made = self._maker.pairs(new)
        fresh = {id(asset) for asset in new}
        for asset, key in zip(assets, keys, strict=True):
            if id(asset) in fresh:
                pair = next(made)
                self._keep(key, pair)
            else:
                pair = self._load(key) or next(self._maker.pairs([asset]))
            yield pair
        self._forget_others(set(keys))

    def _key(self, asset: ReportAsset) -> str:
        blobs = [one.blob for step in asset.steps for one in step.artifacts if one.kept]
        return digest_json(
            {
                "version": _VERSION,
                "side": self._maker.side,
                "scan": asset.uid,
                "outputs": [file.digest for file in asset.files],
                "steps": [[step.step, step.status, step.scores] for step in asset.steps],
                "stored": blobs,
                "result": asset.result,
            }
        )

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.json"

    def _has(self, key: str) -> bool:
        return self._path(key).is_file()

    def _load(self, key: str) -> Pair | None:
        try:
            facts = json.loads(self._path(key).read_text("ascii"))
            overlays = tuple(map(_overlay, facts.pop("overlays")))
            shots = tuple(Shot(**one) for one in facts.pop("shots"))
            return Pair(**facts, overlays=overlays, shots=shots)
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def _keep(self, key: str, pair: Pair) -> None:
        if not pair.whole:
            return
        with suppress(OSError), replacing(self._path(key)) as temporary:
            temporary.write_text(json.dumps(asdict(pair)), "ascii")

    def _forget_others(self, keys: set[str]) -> None:
        with suppress(OSError):
            for path in self._folder.glob("*.json"):
                if path.stem not in keys:
                    path.unlink()


def _overlay(facts: dict[str, Any]) -> Overlay:
    lenders = tuple(Lender(**one) for one in facts.pop("lenders"))
    return Overlay(**facts, lenders=lenders)
