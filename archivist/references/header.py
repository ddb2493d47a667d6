"""What the index says of itself: of which model its vectors are and how many of its rows count."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from archivist.api.errors import CatalogError
from archivist.durable import replace_with
from archivist.hashing import canonical_json

FORMAT = 1
HEADER = "index.json"


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """What made the vectors: vectors of two models, or of two versions of one, are never mixed.

    ``name`` is :attr:`~archivist.api.values.Embedding.model`; ``version`` changes whenever a vector
    may: it holds the step's behaviour version and the digest of its weights.
    """

    name: str
    version: str
    dimensions: int


class IndexDamaged(CatalogError):
    """An index cannot be used any more; nothing is lost, for it can be made anew."""


def count_rows(folder: Path, model: EmbeddingModel) -> int:
    """Return how many rows count in the index of a model. Raises CatalogError as open_index."""
    header = read_header(folder)
    if header is None:
        raise damaged(folder, f"{HEADER} is gone")
    if header[0] != model:
        raise CatalogError(
            f"the index in {folder} holds vectors of {in_words(header[0])}, not of "
            f"{in_words(model)}; vectors of two models cannot be compared. "
            f"Cure: use that model, or delete {folder} and run again: all pictures are embedded "
            "and indexed anew"
        )
    return header[1]


def read_header(folder: Path) -> tuple[EmbeddingModel, int] | None:
    """Return the model of the index in a folder and its number of rows, None without an index.

    Raises CatalogError when it is damaged or was written by a later archivist.
    """
    try:
        facts = json.loads((folder / HEADER).read_bytes())
        if facts["format"] != FORMAT:
            raise CatalogError(
                f"the index in {folder} has format {facts['format']}, this archivist reads "
                f"{FORMAT}. Cure: use the archivist that wrote it, or delete {folder} and run again"
            )
        return EmbeddingModel(**facts["model"]), int(facts["rows"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(folder, f"{HEADER} cannot be read ({error})") from error


def write_header(folder: Path, model: EmbeddingModel, count: int) -> None:
    """Let so many rows of the index count, durably, in one move. Raises OSError."""
    facts = {"format": FORMAT, "model": asdict(model), "rows": count}
    replace_with(folder / HEADER, canonical_json(facts))


def in_words(model: EmbeddingModel) -> str:
    """Return a model as messages name it."""
    return f"{model.name} (version {model.version}, {model.dimensions} dimensions)"


def damaged(folder: Path, what: str) -> IndexDamaged:
    """Return the error of an index that cannot be used any more, with the cure."""
    return IndexDamaged(
        f"the index in {folder} is damaged: {what}. "
        f"Cure: delete {folder} and run again: it is made anew from the kept embeddings"
    )
