"""Second stage of training: to use what was borrowed, and to leave what does no good."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from archivist_reference_sr.compact.enlarger import Enlarger
from archivist_reference_sr.picture import SCALE, enlarged_exactly
from archivist_reference_sr.training.enlarger_stage import SHOWN, difference, signed
from archivist_reference_sr.training.lending import SIMILARITIES, Lesson
from archivist_reference_sr.training.measure import psnr
from archivist_torch.device import Compute
from archivist_torch.seeding import generator
from archivist_torch.training import Batch, Sample

SHARES = {"found": 0.45, "self": 0.3, "unrelated": 0.25}
"""How often each kind of lesson is drawn."""
HARM = 5.0
"""How much a loss with unrelated references weighs in the score beside a gain with found ones."""


class JoinerTask:
    """Smooth L1 between joined crops and their truth; the enlarger stays as it is."""

    def __init__(
        self,
        lessons: Sequence[Lesson],
        enlarger: Enlarger,
        side: int,
        seed: int,
        validation: JoinerValidation,
    ) -> None:
        self.enlarger, self.side, self.seed, self.validation = enlarger, side, seed, validation
        self.lessons = {
            kind: [one for one in lessons if one.kind == kind and min(one.small.shape[:2]) >= side]
            for kind in SHARES
        }
        self.lessons = {kind: found for kind, found in self.lessons.items() if found}
        if not self.lessons:
            raise ValueError(f"no training picture is as large as a crop of {side * SCALE} px")

    def sample(self, index: int) -> Sample:
        """Return a crop of a lesson: small, truth, detail, similarity, channels first."""
        rng = generator("ttsr-join", self.seed, index)
        shares = np.array([SHARES[kind] for kind in self.lessons])
        kind = rng.choice(list(self.lessons), p=shares / shares.sum())
        one = self.lessons[kind][rng.integers(len(self.lessons[kind]))]
        top, left = (int(rng.integers(0, n - self.side + 1)) for n in one.small.shape[:2])
        turns, mirrored = int(rng.integers(4)), bool(rng.random() < 0.5)

        def cut(pixels: NDArray[np.generic], scale: int) -> NDArray[np.generic]:
            rows = slice(top * scale, (top + self.side) * scale)
            columns = slice(left * scale, (left + self.side) * scale)
            part = np.rot90(pixels[rows, columns], turns)
            part = part[:, ::-1] if mirrored else part
            return np.ascontiguousarray(part.transpose(2, 0, 1))

        return (
            cut(one.small, 1),
            cut(one.truth, SCALE),
            cut(one.detail, SCALE),
            cut(one.similarity[..., None], 1),
        )

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Return the mean difference of a batch."""
        small, truth, detail, similarity = batch
        made, added = joined(self.enlarger, network, small, detail, similarity)
        return difference(made + added, signed(truth))

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return the gain over no reference in dB by set and kind, and their ``score``."""
        return self.validation(self.enlarger, network)


class JoinerValidation:
    """Middles of held-out pictures with what they borrow, in named sets."""

    def __init__(self, sets: Mapping[str, Iterable[Lesson]], compute: Compute) -> None:
        self.compute = compute
        self.sets: dict[str, list[tuple[Tensor, ...]]] = {}
        for name, lessons in sets.items():
            for one in lessons:
                self.sets.setdefault(f"{name}_{one.kind}", []).append(_middle(one))

    @torch.inference_mode()
    def __call__(self, enlarger: Enlarger, joiner: nn.Module) -> dict[str, float]:
        """Return the mean gain of each set in dB."""
        gains = {
            name: [self._gain(enlarger, joiner, one) for one in shown]
            for name, shown in self.sets.items()
        }
        means = {name: float(np.mean(found)) for name, found in gains.items()}
        useful = [mean for name, mean in means.items() if not name.endswith("unrelated")]
        harm = [mean for name, mean in means.items() if name.endswith("unrelated")]
        worst = min((min(f) for n, f in gains.items() if n.endswith("unrelated")), default=0.0)
        score = float(np.mean(useful)) + HARM * min(0.0, *harm, 0.0) if useful else 0.0
        return {"score": score, **means, "worst_unrelated": worst}

    def _gain(self, enlarger: Enlarger, joiner: nn.Module, one: tuple[Tensor, ...]) -> float:
        small, truth, detail, similarity = (x.to(self.compute.device) for x in one)
        made, added = joined(enlarger, joiner, small, detail, similarity)
        truth = signed(truth)
        before, after = psnr(made, truth), psnr(made + added, truth)
        return float((after - before).item())


def joined(
    enlarger: Enlarger, joiner: nn.Module, small: Tensor, detail: Tensor, similarity: Tensor
) -> tuple[Tensor, Tensor]:
    """Return what the enlarger makes, and what the joiner adds to it.

    Arguments are as a lesson holds them, with a batch and channels first.
    """
    with torch.no_grad():
        features, made = enlarger.surer(signed(small))
    beyond = made - enlarged_exactly(signed(small))
    added = joiner(features, beyond, detail.float() / 127.5, similarity.float() / SIMILARITIES)
    return made, added.float()


def _middle(one: Lesson) -> tuple[Tensor, ...]:
    sides = [min(SHOWN // SCALE, side) for side in one.small.shape[:2]]
    corner = [(whole - side) // 2 for whole, side in zip(one.small.shape, sides, strict=False)]

    def cut(pixels: NDArray[np.generic], scale: int) -> Tensor:
        rows, columns = (
            slice(start * scale, (start + side) * scale)
            for start, side in zip(corner, sides, strict=True)
        )
        part = np.ascontiguousarray(pixels[rows, columns].transpose(2, 0, 1))
        return torch.from_numpy(part)[None]

    return (
        cut(one.small, 1),
        cut(one.truth, SCALE),
        cut(one.detail, SCALE),
        cut(one.similarity[..., None], 1),
    )
