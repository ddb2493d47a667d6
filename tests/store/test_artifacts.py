import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image as PillowImage

from archivist.api.errors import StoreError
from archivist.api.values import (
    Colour,
    Embedding,
    Face,
    Faces,
    Image,
    Mask,
    Probability,
    Reference,
    References,
    Scores,
    TransferMap,
)
from archivist.imaging.picture import quantise, to_float
from archivist.imaging.raster import value_digest as raster_digest
from archivist.store import pictures
from archivist.store.artifacts import load, load_picture, save, value_digest
from archivist.store.blobs import BlobStore

RNG = np.random.default_rng(7)


@pytest.fixture
def store(tmp_path):
    return BlobStore(tmp_path / "store")


def image(channels=3, depth=16, icc=b"a profile"):
    samples = RNG.integers(0, 65536, (40, 50, channels), dtype=np.uint16)
    colour = Colour.RGB if channels == 3 else Colour.GREY
    return Image(pixels=to_float(samples), colour=colour, depth=depth, icc=icc)


def values():
    return {
        "mask": Mask(pixels=RNG.random((30, 20)) > 0.5),
        "probability": Probability(
            pixels=to_float(RNG.integers(0, 65536, (30, 20), dtype=np.uint16))
        ),
        "faces": Faces(
            (Face(box=(1.5, 2.0, 30.25, 40.0), landmarks=((0.1, 0.2), (1 / 3, 4.0)), score=0.9),)
        ),
        "no faces": Faces(()),
        "scores": Scores({"damaged": 1 / 3, "whole": 2.0}),
        "embedding": Embedding(
            vectors=RNG.random((2, 8), dtype=np.float32),
            regions=((0, 0, 50, 40), (5, 5, 10, 10)),
            model="dino",
        ),
        "transfer map": TransferMap(
            source=np.array([[0, -1]], np.int32),
            position=np.array([[[3, 4], [0, 0]]], np.int32),
            similarity=np.array([[0.5, 0.0]], np.float32),
            assets=("ab" * 32,),
            stride=4,
        ),
        "references": References(
            references=(
                reference("cd" * 32, near=(1, 2, 30, 20), scale=2.5, facts={"date": "1907"}),
                reference("ef" * 32 + "#1"),
            ),
            snapshot="s1",
            reason="2 of 3 that fit",
        ),
    }


def reference(asset, region=(5, 6, 20, 10), **more):
    return Reference(
        asset=asset, region=region, score=0.7, reason="same sitting", read=unread, **more
    )


def unread():
    raise AssertionError("nobody asked for pixels")


def plain(value):
    """Return a value as something that compares by content."""
    if isinstance(value, np.ndarray):
        return (str(value.dtype), value.shape, value.tobytes())
    if hasattr(value, "__dataclass_fields__"):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, tuple):
        return tuple(plain(item) for item in value)
    return "how it is read" if callable(value) else value


@pytest.mark.parametrize("name", values())
def test_a_value_reads_back_exactly(store, name):
    value = values()[name]
    found = load(store, save(store, "port", value))
    assert type(found) is type(value)
    assert plain(found) == plain(value)


@pytest.mark.parametrize(("channels", "depth", "icc"), [(3, 16, b"profile"), (1, 8, None)])
def test_an_image_reads_back_with_its_colour_depth_and_profile(store, channels, depth, icc):
    value = image(channels, depth, icc)
    assert plain(load(store, save(store, "image", value))) == plain(value)


@pytest.mark.parametrize("name", values())
def test_equal_values_have_one_digest_and_one_blob(store, name):
    first = save(store, "port", values()[name])
    second = save(store, "port", load(store, first))
    assert first == second
    assert list(store.iterate()) == [first.blob]


def test_the_digest_is_of_the_samples_not_of_the_file(store, monkeypatch):
    mask = values()["mask"]
    as_png = save(store, "mask", mask)
    monkeypatch.setattr(pictures, "PNG_PIXELS", 1)
    as_tiff = save(store, "mask", mask)
    assert as_png.media_type != as_tiff.media_type
    assert as_png.digest == as_tiff.digest == raster_digest(mask.pixels)
    assert plain(load(store, as_tiff)) == plain(mask)


def test_an_image_digest_is_that_of_its_16_bits():
    value = image()
    assert value_digest(value) == raster_digest(quantise(value.pixels))


def test_a_mask_is_a_png_of_black_and_white_that_others_read(store):
    mask = values()["mask"]
    artifact = save(store, "mask", mask)
    found = np.asarray(PillowImage.open(store.path(artifact.blob)))
    assert np.array_equal(found, mask.pixels * np.uint8(255))
    assert (artifact.width, artifact.height) == (20, 30)


def test_scores_are_plain_json(store):
    artifact = save(store, "scores", Scores({"damaged": 0.25}))
    assert json.loads(store.read(artifact.blob)) == {"values": {"damaged": 0.25}}


def test_a_value_that_is_not_kept_has_its_digest_and_no_blob(store):
    value = values()["mask"]
    artifact = save(store, "mask", value, kept=False)
    assert (artifact.digest, artifact.kept, artifact.blob) == (value_digest(value), False, None)
    assert list(store.iterate()) == []
    with pytest.raises(StoreError, match=r"was not kept\. Cure: add 'mask'"):
        load(store, artifact)


def test_arrays_that_were_loaded_cannot_be_changed(store):
    found = load(store, save(store, "image", image()))
    with pytest.raises(ValueError, match="read-only"):
        found.pixels[0, 0, 0] = 1


def test_a_kept_image_is_read_by_window(store):
    value = image()
    picture = load_picture(store, save(store, "image", value))
    window = picture.raster.read(5, 9, 3, 20)
    assert np.array_equal(window, quantise(value.pixels)[5:9, 3:20])


@pytest.mark.parametrize("name", ["mask", "embedding", "scores"])
def test_a_damaged_blob_is_an_error_with_its_cure(store, name):
    artifact = save(store, "port", values()[name])
    path = store.path(artifact.blob)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(StoreError, match="Cure: "):
        load(store, artifact)


def test_a_blob_of_another_kind_is_refused(store):
    artifact = save(store, "scores", Scores({"a": 1.0}))
    with pytest.raises(StoreError, match="cannot be read"):
        load(store, replace(artifact, kind="faces"))


@settings(deadline=None, max_examples=30)
@given(
    arrays.arrays(np.uint16, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(1))),
    st.booleans(),
)
def test_any_picture_reads_back_exactly(tmp_path_factory, samples, grey):
    store = BlobStore(tmp_path_factory.mktemp("store"))
    pixels = to_float(samples if grey else samples.repeat(3, axis=2))
    colour = Colour.GREY if grey else Colour.RGB
    value = Image(pixels=pixels, colour=colour, depth=16)
    assert plain(load(store, save(store, "image", value))) == plain(value)


def test_references_from_the_store_read_the_region_that_they_name(store):
    artifact = save(store, "references", values()["references"])
    picture = image()
    asked = []

    def read_region(asset, region):
        asked.append((asset, region))
        return picture

    found = load(store, artifact, read_region=read_region)
    assert found.references[1].read() is picture
    assert asked == [("ef" * 32 + "#1", (5, 6, 20, 10))]


def test_references_that_nobody_can_read_say_so(store):
    found = load(store, save(store, "references", values()["references"]))
    with pytest.raises(StoreError, match="Cure: archivist run"):
        found.references[0].read()


def test_other_scores_reasons_and_snapshots_are_the_same_references():
    one = References(references=(reference("cd" * 32),), snapshot="s1")
    same = replace(one.references[0], score=0.1, reason="else", scale=3.0)
    other = References(references=(same,), snapshot="s2", reason="1 of 1")
    assert value_digest(one) == value_digest(other)


@pytest.mark.parametrize("change", [{"asset": "aa" * 32}, {"region": (5, 6, 20, 11)}])
def test_another_asset_or_region_is_another_reference(change):
    one = References(references=(reference("cd" * 32),), snapshot="")
    other = References(references=(replace(one.references[0], **change),), snapshot="")
    assert value_digest(one) != value_digest(other)
