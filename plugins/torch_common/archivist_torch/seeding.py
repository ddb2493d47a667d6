"""Randomness that can be repeated: every random choice comes from a named generator."""

from __future__ import annotations

import random
import zlib

import numpy as np
import torch


def generator(*path: int | str) -> np.random.Generator:
    """Return the generator of a path such as ``("scratch", seed, index)``.

    Equal paths give equal streams, different paths independent ones; so sample number ``index`` of
    a training set is the same in whichever process or order it is made.
    """
    words = [zlib.crc32(part.encode()) if isinstance(part, str) else abs(part) for part in path]
    return np.random.default_rng(np.random.SeedSequence(words))


def seed_everything(seed: int) -> None:
    """Seed the global generators of Python, numpy and torch; for training programs only.

    A restoration step never touches global state: it gets its seed from its context.
    """
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
