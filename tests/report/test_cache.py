from __future__ import annotations

from dataclasses import replace

import pytest

from archivist.report.cache import CachedPictures
from archivist.report.cards import Pair


class Maker:
    side = 64
    whole = True

    def __init__(self):
        self.asked = []

    def pairs(self, assets):
        for asset in assets:
            self.asked.append(asset.path)
            yield Pair(before=f"data:{asset.path}", whole=self.whole)


@pytest.fixture
def maker():
    return Maker()


@pytest.fixture
def cached(maker, tmp_path):
    return lambda assets: list(CachedPictures(maker, tmp_path / "thumbnails").pairs(assets))


def test_the_same_pictures_are_made_once(cached, maker, asset):
    assets = [asset("a.jpg"), asset("b.jpg")]
    assert cached(assets) == cached(assets)
    assert maker.asked == ["a.jpg", "b.jpg"]


def test_only_new_pictures_are_made_and_the_order_stays(cached, maker, asset):
    cached([asset("b.jpg")])
    found = cached([asset("a.jpg"), asset("b.jpg"), asset("c.jpg")])
    assert [pair.before for pair in found] == ["data:a.jpg", "data:b.jpg", "data:c.jpg"]
    assert maker.asked == ["b.jpg", "a.jpg", "c.jpg"]


def test_another_output_gets_another_picture(cached, maker, asset, file):
    one = asset("a.jpg", files=(file(digest="1" * 64),))
    cached([one])
    cached([replace(one, files=(file(digest="2" * 64),))])
    assert len(maker.asked) == 2


def test_what_was_missing_is_looked_for_again(cached, maker, asset):
    maker.whole = False
    cached([asset("a.jpg")])
    cached([asset("a.jpg")])
    assert len(maker.asked) == 2


def test_pictures_that_are_no_longer_shown_are_removed(cached, asset, tmp_path):
    cached([asset("a.jpg"), asset("b.jpg")])
    cached([asset("b.jpg")])
    assert len(list((tmp_path / "thumbnails").iterdir())) == 1


def test_a_damaged_picture_is_made_again(cached, maker, asset, tmp_path):
    cached([asset("a.jpg")])
    (kept,) = (tmp_path / "thumbnails").iterdir()
    kept.write_text("{")
    assert cached([asset("a.jpg")])[0].before == "data:a.jpg"


def test_a_folder_that_cannot_be_written_does_not_stop_the_report(cached, asset, tmp_path):
    (tmp_path / "thumbnails").write_text("a file in the place of the folder")
    assert cached([asset("a.jpg")])[0].before == "data:a.jpg"
