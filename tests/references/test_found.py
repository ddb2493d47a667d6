import json
from collections.abc import Callable

import numpy as np
import pytest

from archivist.references.found import ENTRY, FoundBefore
from archivist.references.index import VectorIndex
from archivist.references.rows import Place
from archivist.references.select import Sighting

Asset = Callable[[int], str]


@pytest.fixture
def filled(index: VectorIndex, embedded) -> VectorIndex:
    """Six assets of three regions each."""
    index.append(embedded(range(6), regions=3))
    return index


@pytest.fixture
def sighting(asset: Asset) -> Callable[..., Sighting]:
    def make(query: int, reference: int, cosine: float = 0.75, region: int = 0) -> Sighting:
        place = (10 * region, 0, 100, 80)
        return Sighting(Place(asset(query), place), Place(asset(reference), place), cosine)

    return make


def test_what_was_found_is_told_again_in_its_order(filled, asset, sighting):
    found = {
        asset(4): (sighting(4, 2, 0.5, region=2), sighting(4, 0, 0.9)),
        asset(1): (sighting(1, 3, 0.1 + 0.2),),
    }
    FoundBefore(filled, "texture", "state").add(found)
    again = FoundBefore(filled, "texture", "state").of([asset(n) for n in range(6)])
    assert again == found


def test_a_picture_that_found_nothing_has_looked_all_the_same(filled, asset):
    FoundBefore(filled, "texture", "state").add({asset(0): ()})
    assert FoundBefore(filled, "texture", "state").of([asset(0), asset(1)]) == {asset(0): ()}


def test_more_is_added_to_what_was_found(filled, asset, sighting):
    first = FoundBefore(filled, "texture", "state")
    first.add({asset(0): (sighting(0, 1),)})
    first.add({asset(2): (sighting(2, 1),)})
    FoundBefore(filled, "texture", "state").add({asset(1): ()})
    again = FoundBefore(filled, "texture", "state").of([asset(n) for n in range(6)])
    assert set(again) == {asset(0), asset(1), asset(2)}


@pytest.mark.parametrize(("name", "state"), [("texture", "another"), ("colour", "state")])
def test_what_another_search_found_does_not_count(filled, asset, sighting, name, state):
    FoundBefore(filled, "texture", "state").add({asset(0): (sighting(0, 1),)})
    assert FoundBefore(filled, name, state).of([asset(0)]) == {}


def test_in_another_state_the_file_begins_anew(filled, asset, sighting):
    FoundBefore(filled, "texture", "old").add({asset(n): (sighting(n, 5),) for n in range(5)})
    FoundBefore(filled, "texture", "new").add({asset(0): (sighting(0, 1),)})
    again = FoundBefore(filled, "texture", "new").of([asset(n) for n in range(6)])
    assert again == {asset(0): (sighting(0, 1),)}


def cut(entries, header):
    entries.write_bytes(entries.read_bytes()[:-1])


def change(entries, header):
    data = bytearray(entries.read_bytes())
    data[-1] ^= 1
    entries.write_bytes(data)


def spoil(entries, header):
    header.write_text("{")


def newer(entries, header):
    header.write_text(json.dumps({**json.loads(header.read_text()), "format": 2}))


@pytest.mark.parametrize("harm", [cut, change, spoil, newer])
def test_a_damaged_file_counts_as_nothing_found(filled, asset, sighting, harm):
    FoundBefore(filled, "texture", "state").add({asset(0): (sighting(0, 1),)})
    harm(filled.folder / "found-texture.bin", filled.folder / "found-texture.json")
    assert FoundBefore(filled, "texture", "state").of([asset(0)]) == {}


def test_entries_that_no_header_counts_are_written_over(filled, asset, sighting):
    FoundBefore(filled, "texture", "state").add({asset(0): (sighting(0, 1),)})
    with (filled.folder / "found-texture.bin").open("ab") as stream:  # a kill before the header
        stream.write(np.ones(3, ENTRY).tobytes())
    FoundBefore(filled, "texture", "state").add({asset(3): (sighting(3, 1),)})
    again = FoundBefore(filled, "texture", "state").of([asset(n) for n in range(6)])
    assert again == {asset(0): (sighting(0, 1),), asset(3): (sighting(3, 1),)}


def test_a_place_that_no_row_describes_is_an_error(filled, asset):
    with pytest.raises(KeyError):
        filled.numbers_of([Place(asset(0), (1, 2, 3, 4))])


def test_the_state_of_an_index_knows_the_order_of_its_rows(tmp_path, model, embedded):
    from archivist.references.index import open_index

    states = []
    for name, numbers in (("a", (0, 1)), ("b", (1, 0)), ("c", (0, 1))):
        index = open_index(tmp_path / name, model)
        index.append(embedded(numbers))
        states.append(index.state())
    assert states[0] == states[2] != states[1]
