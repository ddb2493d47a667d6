"""The map of where pixels came from: what wins, what is counted, and that shares sum to 100."""

from __future__ import annotations

from itertools import combinations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archivist.api.values import TransferMap
from archivist.imaging.storage import ArrayRaster
from archivist.report.measuring import measure
from archivist.report.origin import Change, Origin, Part, Source, Stage
from archivist.report.synthesis import percents_of, synthesis_of
from archivist.report.synthesis_view import colours_of, layer_uris, still


def raster(array):
    return ArrayRaster(np.ascontiguousarray(array))


def picture(height=20, width=30):
    rows, columns = np.mgrid[:height, :width]
    return ((rows * 7 + columns * 3) % 200).astype(np.uint8)


def mask(shape, *window):
    chosen = np.zeros(shape, np.bool_)
    chosen[window] = True
    return raster(chosen)


def shares(found):
    return {(part.source.origin, part.source.steps): part.percent for part in found.parts}


def changed(image, *window, by=40):
    after = image.copy()
    after[window] += by
    return after


def test_a_picture_that_no_step_changed_is_untouched():
    scan = raster(picture())
    assert shares(synthesis_of([], scan)) == {(Origin.UNTOUCHED, ()): 100.0}


def test_only_masked_pixels_that_changed_are_filled():
    image = picture()
    after = changed(image, slice(0, 10), slice(0, 3))  # 30 of 600 pixels
    wider = mask(image.shape, slice(0, 10), slice(0, 6))
    stage = Stage(before=raster(image), after=raster(after), changes=(Change(step=1, mask=wider),))

    found = synthesis_of([stage], stage.after)

    assert shares(found) == {(Origin.UNTOUCHED, ()): 95.0, (Origin.FILLED, (1,)): 5.0}


def test_without_its_mask_a_change_is_not_called_a_correction():
    image = picture()
    after = changed(image, slice(0, 10), slice(0, 3))
    repair = Change(step=1, mask_unknown=True)
    stage = Stage(before=raster(image), after=raster(after), changes=(Change(step=0), repair))

    found = synthesis_of([stage], stage.after)

    assert shares(found) == {(Origin.UNTOUCHED, ()): 95.0, (Origin.UNCERTAIN, (0, 1)): 5.0}


def test_what_a_mask_marked_is_filled_though_only_the_enlarged_picture_is_at_hand():
    image = picture()
    larger = image.repeat(2, axis=0).repeat(2, axis=1)
    repair = Change(step=0, mask=mask(image.shape, slice(0, 5)))
    stage = Stage(before=raster(image), after=raster(larger), changes=(repair, Change(step=1)))

    found = synthesis_of([stage], stage.after)

    assert shares(found) == {(Origin.ENLARGED, (0, 1)): 75.0, (Origin.FILLED, (0,)): 25.0}


def test_a_change_outside_the_mask_is_a_correction_by_the_same_step():
    image = picture()
    after = changed(image, slice(0, 10))
    chosen = mask(image.shape, slice(0, 5))
    stage = Stage(before=raster(image), after=raster(after), changes=(Change(step=0, mask=chosen),))

    found = shares(synthesis_of([stage], stage.after))

    assert found == {
        (Origin.UNTOUCHED, ()): 50.0,
        (Origin.CORRECTED, (0,)): 25.0,
        (Origin.FILLED, (0,)): 25.0,
    }


def test_a_step_that_invents_is_told_apart():
    image = picture()
    colour = np.dstack([changed(image, slice(0, 4)), image, image])
    stage = Stage(
        before=raster(image),
        after=raster(colour),
        changes=(Change(step=2, conjectural=True),),
    )

    found = shares(synthesis_of([stage], stage.after))

    assert found[Origin.INVENTED, (2,)] == 20.0


def test_a_later_correction_does_not_hide_what_was_filled():
    image = picture()
    filled, toned = changed(image, slice(0, 2)), None
    toned = changed(filled, slice(None), by=5)
    stages = [
        Stage(
            before=raster(image),
            after=raster(filled),
            changes=(Change(step=0, mask=mask(image.shape, slice(0, 2))),),
        ),
        Stage(before=raster(filled), after=raster(toned), changes=(Change(step=1),)),
    ]

    found = shares(synthesis_of(stages, stages[1].after))

    assert found == {(Origin.CORRECTED, (1,)): 90.0, (Origin.FILLED, (0,)): 10.0}


def test_of_steps_between_which_nothing_was_kept_all_are_named():
    image = picture()
    stage = Stage(
        before=raster(image),
        after=raster(changed(image, slice(0, 10))),
        changes=(Change(step=0), Change(step=1)),
    )

    assert shares(synthesis_of([stage], stage.after))[Origin.CORRECTED, (0, 1)] == 50.0


def test_an_enlarged_picture_has_no_untouched_pixel_and_keeps_what_was_filled():
    image = picture()
    filled = changed(image, slice(0, 2))
    large = np.kron(filled, np.ones((2, 2), np.uint8))
    stages = [
        Stage(
            before=raster(image),
            after=raster(filled),
            changes=(Change(step=0, mask=mask(image.shape, slice(0, 2))),),
        ),
        Stage(before=raster(filled), after=raster(large), changes=(Change(step=1),)),
    ]

    found = synthesis_of(stages, stages[1].after)

    assert (found.height, found.width) == (40, 60)
    assert shares(found) == {(Origin.ENLARGED, (1,)): 90.0, (Origin.FILLED, (0,)): 10.0}


def test_copied_pixels_are_counted_for_each_reference():
    image = picture()
    large = np.kron(image, np.ones((2, 2), np.uint8))
    source = np.full((10, 15), -1, np.int32)  # one cell for each 4 x 4 pixels
    source[:2], source[2:3] = 0, 1
    transfer = TransferMap(
        source=source,
        position=np.zeros((10, 15, 2), np.int32),
        similarity=np.ones((10, 15), np.float32),
        assets=("one", "two"),
        stride=4,
    )
    stage = Stage(
        before=raster(image), after=raster(large), changes=(Change(step=0, transfer=transfer),)
    )

    parts = synthesis_of([stage], stage.after).parts

    assert [(p.source.origin, p.source.reference, p.percent) for p in parts] == [
        (Origin.ENLARGED, "", 70.0),
        (Origin.COPIED, "one", 20.0),
        (Origin.COPIED, "two", 10.0),
    ]


def coloured(grey):
    """Return RGB pixels of another colour wherever the picture is not black."""
    return np.stack([grey, grey // 2, grey // 3], axis=2)


def exemplars(rows, columns, *windows):
    """Return a map of cells of ten pixels, a window of cells for each exemplar."""
    source = np.full((rows, columns), -1, np.int32)
    for number, window in enumerate(windows):
        source[window] = number
    return TransferMap(
        source=source,
        position=np.zeros((rows, columns, 2), np.int32),
        similarity=np.ones((rows, columns), np.float32),
        assets=tuple(f"exemplar {number}" for number in range(len(windows))),
        stride=10,
    )


def test_borrowed_colours_are_told_from_invented_ones():
    image = np.full((20, 30), 100, np.uint8)
    lent = exemplars(2, 3, np.s_[:, 0], np.s_[0, 1])
    step = Change(step=4, conjectural=True, colours=True, exemplars=lent)
    stage = Stage(before=raster(image), after=raster(coloured(image)), changes=(step,))

    parts = synthesis_of([stage], stage.after).parts
    found = {(part.source.origin, part.source.reference): part for part in parts}

    assert {key: part.percent for key, part in found.items()} == {
        (Origin.COLOUR_BORROWED, "exemplar 0"): 33.33,
        (Origin.COLOUR_BORROWED, "exemplar 1"): 16.67,
        (Origin.COLOUR_INVENTED, ""): 50.0,
    }
    assert {part.source.steps for part in found.values()} == {(4,)}


def test_a_place_that_got_no_colour_is_untouched_though_an_exemplar_matched():
    image = np.full((20, 30), 100, np.uint8)
    image[:, :15] = 0
    step = Change(step=0, conjectural=True, colours=True, exemplars=exemplars(2, 3, np.s_[:, :]))
    stage = Stage(before=raster(image), after=raster(coloured(image)), changes=(step,))

    found = shares(synthesis_of([stage], stage.after))

    assert found == {(Origin.UNTOUCHED, ()): 50.0, (Origin.COLOUR_BORROWED, (0,)): 50.0}


def test_colour_hides_neither_what_was_filled_nor_a_redrawn_face():
    image = np.full((20, 30), 100, np.uint8)
    filled = changed(image, slice(0, 10), slice(0, 3))
    redrawn = changed(filled, slice(10, 20), slice(0, 6))
    hue = Change(step=2, conjectural=True, colours=True)
    stages = [
        Stage(
            before=raster(image),
            after=raster(filled),
            changes=(Change(step=0, mask=mask(image.shape, slice(0, 10), slice(0, 3))),),
        ),
        Stage(
            before=raster(filled),
            after=raster(redrawn),
            changes=(Change(step=1, conjectural=True),),
        ),
        Stage(before=raster(redrawn), after=raster(coloured(redrawn)), changes=(hue,)),
    ]

    assert shares(synthesis_of(stages, stages[-1].after)) == {
        (Origin.COLOUR_INVENTED, (2,)): 85.0,
        (Origin.INVENTED, (1,)): 10.0,
        (Origin.FILLED, (0,)): 5.0,
    }


def test_colour_that_came_with_a_new_size_is_told_everywhere():
    image = np.full((10, 15), 100, np.uint8)
    large = np.kron(image, np.ones((2, 2), np.uint8))
    hue = Change(step=1, conjectural=True, colours=True, exemplars=exemplars(2, 3, np.s_[0, :]))
    stage = Stage(
        before=raster(image), after=raster(coloured(large)), changes=(Change(step=0), hue)
    )

    assert shares(synthesis_of([stage], stage.after)) == {
        (Origin.COLOUR_BORROWED, (1,)): 50.0,
        (Origin.COLOUR_INVENTED, (1,)): 50.0,
    }


def test_differences_within_the_tolerance_are_none():
    image = picture()
    stage = Stage(
        before=raster(image),
        after=raster(changed(image, slice(None), by=2)),
        changes=(Change(step=0),),
        tolerance=2 * 257,
    )

    assert shares(synthesis_of([stage], stage.after)) == {(Origin.UNTOUCHED, ()): 100.0}


def test_what_writing_the_file_cost_is_measured_and_not_counted():
    image = picture()
    found = synthesis_of([], raster(image), raster(changed(image, slice(0, 10), by=3)))

    assert found.encoding is not None
    assert found.encoding.share == 0.5
    assert found.encoding.largest == pytest.approx(3 / 255)
    assert shares(found) == {(Origin.UNTOUCHED, ()): 100.0}


def test_bands_give_the_same_map_as_the_whole(monkeypatch):
    image = picture(64, 48)
    after = changed(image, slice(5, 40), slice(3, 9))
    stage = Stage(before=raster(image), after=raster(after), changes=(Change(step=0),))
    whole = synthesis_of([stage], stage.after, side=32)
    monkeypatch.setattr("archivist.report.synthesis._BAND_PIXELS", 1)

    banded = synthesis_of([stage], stage.after, side=32)

    assert banded.parts == whole.parts
    assert np.array_equal(banded.labels, whole.labels)
    assert banded.stages == whole.stages


def test_a_scratch_of_one_pixel_stays_visible_in_a_small_map():
    image = picture(400, 400)
    after = changed(image, slice(200, 201))
    toned = changed(after, slice(None), by=1)
    stages = [
        Stage(
            before=raster(image),
            after=raster(after),
            changes=(Change(step=0, mask=mask(image.shape, slice(200, 201))),),
        ),
        Stage(before=raster(after), after=raster(toned), changes=(Change(step=1),)),
    ]

    found = synthesis_of(stages, stages[1].after, side=100)
    filled = [part.source.origin for part in found.parts].index(Origin.FILLED)

    assert (found.labels[50] == filled).all()
    assert (found.labels[40] != filled).all()


@given(st.lists(st.integers(min_value=0, max_value=10**12), min_size=1, max_size=40))
def test_percents_sum_to_exactly_100_and_nothing_that_is_there_is_zero(counts):
    found = percents_of(counts)
    if sum(counts):
        assert sum(round(value * 100) for value in found) == 10_000
    assert [value > 0 for value in found] == [count > 0 for count in counts]


def test_each_part_but_the_untouched_has_a_layer_and_a_colour_of_its_own():
    image = picture()
    stage = Stage(
        before=raster(image),
        after=raster(changed(image, slice(0, 10))),
        changes=(Change(step=0, mask=mask(image.shape, slice(0, 5))),),
    )
    found = synthesis_of([stage], stage.after)

    layers = layer_uris(found)

    assert [layer[:22] for layer in layers] == ["", *["data:image/png;base64,"] * 2]
    assert len(set(colours_of(found.parts))) == 3


def test_what_is_gone_stands_out_from_all_other_parts_of_the_map():
    parts = [Part(source=Source(one), pixels=1, percent=1) for one in Origin]
    seen = {one: colours_of([part])[0] for one, part in zip(Origin, parts, strict=True)}
    lab = {
        one: cv2.cvtColor(np.float32([[colour]]) / 255, cv2.COLOR_RGB2Lab)[0, 0]
        for one, colour in seen.items()
    }

    apart = {
        frozenset(pair): np.linalg.norm(lab[pair[0]] - lab[pair[1]])
        for pair in combinations(Origin, 2)
    }

    assert min(apart.values()) > 25
    assert min(far for pair, far in apart.items() if Origin.FILLED in pair) > 60


def test_the_still_picture_is_coloured_only_where_something_was_made():
    image = picture()
    stage = Stage(
        before=raster(image),
        after=raster(changed(image, slice(0, 10))),
        changes=(Change(step=0),),
    )
    drawn = still(synthesis_of([stage], stage.after), image[:, :, None])

    colourful = np.ptp(drawn.astype(int), axis=2) > 0
    assert colourful[:10].all()
    assert not colourful[10:].any()


def test_a_measure_tells_mean_largest_and_psnr():
    first = np.zeros((10, 10, 1), np.uint8)
    second = first.copy()
    second[0, 0] = 255

    found = measure(raster(first), raster(second))

    assert (found.share, found.largest) == (0.01, 1.0)
    assert found.mean == pytest.approx(0.01)
    assert found.psnr == pytest.approx(20.0)


def test_equal_pictures_have_an_infinite_psnr():
    assert measure(raster(picture()), raster(picture())).psnr == float("inf")
