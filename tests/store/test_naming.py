import os
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archivist.model import OutputProfile, path_to_text, text_to_path
from archivist.store.naming import NAME_BYTES, NameTable, fold, output_path

SAME = OutputProfile(name="restored")
MASTER = OutputProfile(name="master", format="tiff", folder="master")
ACCESS = OutputProfile(name="access", format="jpeg", folder="access")
FLAT = OutputProfile(name="flat", format="jpeg")


def all_names(sources, profiles):
    table = NameTable.build(sources, profiles)
    return [table.path(profile, source) for profile in profiles for source in sources]


@pytest.mark.parametrize(
    ("profile", "source", "expected"),
    [
        (SAME, "album/a.jpg", "album/a.jpg"),
        (MASTER, "album/a.jpg", "master/album/a.jpg.tif"),
        (MASTER, "album/a.TIF", "master/album/a.TIF"),
        (ACCESS, "a.tif", "access/a.tif.jpg"),
        (ACCESS, "a.JPEG", "access/a.JPEG"),
        (ACCESS, "-rf", "access/-rf.jpg"),
        (SAME, "a\nb.png", "a\nb.png"),
    ],
)
def test_an_output_mirrors_its_scan(profile, source, expected):
    assert output_path(profile, source) == expected


@pytest.mark.parametrize("source", ["../a.jpg", "a/../../b.jpg", "/a.jpg", "a//b.jpg", "", "./a"])
def test_a_path_that_leaves_the_output_folder_is_refused(source):
    with pytest.raises(ValueError, match="not a plain relative path"):
        output_path(SAME, source)


@pytest.mark.parametrize("name", [".archivist", ".ARCHIVIST"])
def test_the_folder_of_the_catalog_is_never_written_into(name):
    assert fold(output_path(SAME, f"{name}/catalog.sqlite").split("/")[0]) != ".archivist"


@pytest.mark.parametrize(
    ("one", "two"),
    [("a.jpg", "A.JPG"), ("ren\u00e9e.jpg", "rene\u0301e.jpg"), ("stra\u00dfe.jpg", "STRASSE.jpg")],
)
def test_twins_by_case_or_unicode_form_get_two_names(one, two):
    names = all_names([one, two], [SAME])
    assert len({fold(name) for name in names}) == 2


def test_the_first_twin_keeps_its_name_and_the_other_its_suffix():
    table = NameTable.build(["a.jpg", "A.jpg"], [SAME])
    assert table.path(SAME, "A.jpg") == "A.jpg"
    marked = table.path(SAME, "a.jpg")
    assert marked.startswith("a~")
    assert marked.endswith(".jpg")


def test_an_appended_suffix_gives_way_to_a_mirrored_name():
    table = NameTable.build(["a.png", "a.png.jpg"], [FLAT])
    assert table.path(FLAT, "a.png.jpg") == "a.png.jpg"
    assert table.path(FLAT, "a.png").startswith("a.png~")


def test_a_folder_of_scans_named_as_a_profile_does_not_mix_with_it():
    names = all_names(["access/a.jpg", "a.jpg"], [SAME, ACCESS])
    assert len(set(names)) == 4


def test_a_folder_named_as_an_output_file_does_not_hinder_it():
    sources = ["x.jpg", "x.jpg.tif/y.tif"]
    profile = OutputProfile(name="tiffs", format="tiff")
    names = all_names(sources, [profile])
    assert not any(other.startswith(name + "/") for name in names for other in names)


@pytest.mark.parametrize("stem", ["n" * 251, "\u00e9" * 125, path_to_text("\udcff" * 251)])
def test_a_name_of_255_bytes_stays_within_them_when_a_suffix_is_added(stem):
    last = output_path(MASTER, f"{stem}.jpg").split("/")[-1]
    assert len(os.fsencode(text_to_path(last))) <= NAME_BYTES
    assert last.endswith(".tif")


def test_long_names_that_share_their_beginning_stay_apart():
    sources = ["n" * 250 + end + ".jpg" for end in "ab"]
    assert len(set(all_names(sources, [MASTER]))) == 2


def test_the_table_holds_only_the_exceptions_and_travels():
    table = NameTable.build([f"{n}.jpg" for n in range(1000)] + ["A.png", "a.png"], [SAME])
    assert len(table.exceptions) == 1
    assert pickle.loads(pickle.dumps(table)) == table


PART = (
    st.lists(
        st.sampled_from(["a", "A", "\u00e9", "e\u0301", "\u00df", "ss", ".", ".tif", ".jpg", " "]),
        min_size=1,
        max_size=4,
    )
    .map("".join)
    .filter(lambda part: part not in (".", ".."))
)
PATH = st.lists(PART, min_size=1, max_size=3).map("/".join)


@given(st.sets(PATH, max_size=12), st.randoms())
def test_no_two_outputs_meet_and_the_order_does_not_matter(sources, random):
    folders = {path[:cut] for path in sources for cut, sign in enumerate(path) if sign == "/"}
    scans = sorted(sources - folders)
    shuffled = list(scans)
    random.shuffle(shuffled)
    profiles = [SAME, FLAT, MASTER, ACCESS]
    table = NameTable.build(scans, profiles)
    assert table == NameTable.build(shuffled, profiles)
    names = [fold(table.path(profile, scan)) for profile in profiles for scan in scans]
    assert len(set(names)) == len(names)
