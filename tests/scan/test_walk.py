"""The walk: which files are looked at, in which order, and what is passed over."""

from __future__ import annotations

import os
import random
import shutil
import socket
import stat
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from archivist.api.errors import ConfigError, UsageError
from archivist.model import Refusal, Status, path_to_text
from archivist.scan import Found, ScanOptions, check_folders, walk

Put = Callable[..., Path]


def found(root: Path, **options: object) -> list[str]:
    items = walk(root, ScanOptions(**options))
    return [item.path for item in items if isinstance(item, Found)]


def refused(root: Path, **options: object) -> dict[str, Refusal]:
    items = walk(root, ScanOptions(**options))
    return {item.path: item for item in items if isinstance(item, Refusal)}


def test_files_of_all_folders_are_found_in_the_order_of_their_names(scans: Path, put: Put) -> None:
    names = ["b.jpg", "a/z.jpg", "a/b/c.tif", "a/b.png", "Z.jpg", "1905/10.jpg", "1905/2.jpg"]
    random.Random(1).shuffle(names)
    for name in names:
        put(name, b"x")
    assert found(scans) == [
        "1905/10.jpg",
        "1905/2.jpg",
        "Z.jpg",
        "a/b/c.tif",
        "a/b.png",
        "a/z.jpg",
        "b.jpg",
    ]


def test_a_found_file_tells_size_and_time_of_change(scans: Path, put: Put) -> None:
    file = put("a.jpg", b"12345")
    os.utime(file, ns=(5, 1_700_000_000_123_456_789))
    item = next(walk(scans, ScanOptions()))
    assert item == Found(path="a.jpg", size=5, mtime_ns=1_700_000_000_123_456_789)


@pytest.mark.parametrize(
    "name",
    ["Thumbs.db", ".DS_Store", "desktop.ini", "._a.jpg", "@eaDir/a.jpg", "__MACOSX/a.jpg"],
)
def test_litter_of_systems_is_skipped_with_its_reason(scans: Path, put: Put, name: str) -> None:
    put(name, b"x")
    refusal = refused(scans)[name.split("/", maxsplit=1)[0]]
    assert (refusal.code, refusal.status) == ("litter", Status.SKIPPED)
    assert found(scans) == []


def test_hidden_files_and_folders_are_skipped_with_their_reason(scans: Path, put: Put) -> None:
    put(".a.jpg", b"x")
    put(".old/b.jpg", b"x")
    refusals = refused(scans)
    assert {path: refusal.code for path, refusal in refusals.items()} == {
        ".a.jpg": "hidden",
        ".old": "hidden",
    }
    assert found(scans) == []


def test_a_link_to_a_file_of_the_scans_is_skipped_because_its_target_is_scanned(
    scans: Path, put: Put
) -> None:
    (scans / "link.jpg").symlink_to(put("a.jpg", b"x"))
    assert found(scans) == ["a.jpg"]
    refusal = refused(scans)["link.jpg"]
    assert (refusal.code, refusal.status) == ("link", Status.SKIPPED)
    assert refusal.reason == "link: its target is scanned itself"


def test_links_that_leave_the_scans_are_not_followed(tmp_path: Path, scans: Path, put: Put) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.jpg").write_bytes(b"x")
    (scans / "folder").symlink_to(outside)
    (scans / "file.jpg").symlink_to(outside / "a.jpg")
    assert found(scans) == []
    assert {refusal.code for refusal in refused(scans).values()} == {"outside-link"}


def test_a_loop_of_links_ends(scans: Path, put: Put) -> None:
    put("deep/a.jpg", b"x")
    (scans / "deep" / "up").symlink_to(scans)
    (scans / "self").symlink_to(scans / "self")
    assert found(scans) == ["deep/a.jpg"]
    assert {path: item.code for path, item in refused(scans).items()} == {
        "deep/up": "link",
        "self": "broken-link",
    }


def test_a_link_to_nothing_is_a_failure_with_its_cure(scans: Path) -> None:
    (scans / "lost.jpg").symlink_to(scans / "gone.jpg")
    refusal = refused(scans)["lost.jpg"]
    assert (refusal.code, refusal.status) == ("broken-link", Status.FAILED)
    assert "Cure: bring the target back" in refusal.reason


def test_the_root_may_be_a_link(tmp_path: Path, scans: Path, put: Put) -> None:
    put("a.jpg", b"x")
    link = tmp_path / "entrance"
    link.symlink_to(scans)
    assert found(link) == ["a.jpg"]


def test_pipes_and_sockets_are_skipped_and_never_opened(scans: Path) -> None:
    os.mkfifo(scans / "pipe.jpg")
    here = Path.cwd()
    os.chdir(scans)  # the path of a socket may have at most 108 bytes
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("socket.jpg")
    finally:
        os.chdir(here)
    assert {path: item.code for path, item in refused(scans).items()} == {
        "pipe.jpg": "special-file",
        "socket.jpg": "special-file",
    }


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_without_permission_is_reported_and_the_rest_goes_on(
    scans: Path, put: Put
) -> None:
    put("closed/a.jpg", b"x")
    put("open/b.jpg", b"x")
    (scans / "closed").chmod(0)
    try:
        assert found(scans) == ["open/b.jpg"]
        assert refused(scans)["closed"].code == "unreadable"
    finally:
        (scans / "closed").chmod(stat.S_IRWXU)


def test_a_folder_that_cannot_be_listed_is_reported_and_the_rest_goes_on(
    scans: Path, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("closed/a.jpg", b"x")
    put("open/b.jpg", b"x")
    listing = os.scandir

    def scandir(folder: Path) -> object:
        if Path(folder).name == "closed":
            raise PermissionError(13, "Permission denied")
        return listing(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    refusal = refused(scans)["closed"]
    assert (refusal.code, refusal.status) == ("unreadable", Status.FAILED)
    assert "Permission denied" in refusal.reason
    assert found(scans) == ["open/b.jpg"]


def test_a_folder_that_vanishes_during_the_walk_is_reported(scans: Path, put: Put) -> None:
    put("a.jpg", b"x")
    put("b/c.jpg", b"x")
    items = walk(scans, ScanOptions())
    first = next(items)
    shutil.rmtree(scans / "b")
    rest = list(items)
    assert isinstance(first, Found)
    assert [(item.path, item.code) for item in rest if isinstance(item, Refusal)] == [
        ("b", "vanished")
    ]


def test_a_file_that_vanishes_during_the_walk_is_reported(scans: Path, put: Put) -> None:
    put("a.jpg", b"x")
    put("b.jpg", b"x")
    items = walk(scans, ScanOptions())
    next(items)
    (scans / "b.jpg").unlink()
    assert [item.code for item in items if isinstance(item, Refusal)] == ["vanished"]


@pytest.mark.parametrize(
    "name",
    [
        b"two\nlines.jpg",
        b"-rf.jpg",
        b"M\xfcnchen.jpg",
        b"x" * 251 + b".jpg",
        b" blanks .jpg",
        b"quote'\";$(ls).jpg",
        "Größe \U0001f5bc.jpg".encode(),
    ],
)
def test_odd_names_go_through_unharmed(scans: Path, name: bytes) -> None:
    place = os.fsencode(scans) + b"/" + name
    with open(place, "wb") as stream:  # noqa: PTH123 - a name in bytes
        stream.write(b"content")
    (item,) = walk(scans, ScanOptions())
    assert isinstance(item, Found)
    assert item.path == path_to_text(os.fsdecode(name))
    assert item.below(scans).read_bytes() == b"content"
    item.path.encode("utf-8")  # what a database does


def test_a_folder_whose_name_is_not_utf8_is_entered(scans: Path) -> None:
    folder = os.fsencode(scans) + b"/M\xfcnchen"
    os.mkdir(folder)  # noqa: PTH102 - a name in bytes
    with open(folder + b"/a.jpg", "wb") as stream:  # noqa: PTH123 - a name in bytes
        stream.write(b"content")
    (item,) = walk(scans, ScanOptions())
    assert isinstance(item, Found)
    assert item.below(scans).read_bytes() == b"content"


def test_names_that_differ_by_case_or_unicode_form_are_different_files(
    scans: Path, put: Put
) -> None:
    composed = unicodedata.normalize("NFC", "é.jpg")
    decomposed = unicodedata.normalize("NFD", "é.jpg")
    for name in ("a.jpg", "A.jpg", composed, decomposed):
        put(name, b"x")
    if len(list(scans.iterdir())) < 4:
        pytest.skip("this file system does not tell such names apart")
    assert sorted(found(scans)) == sorted(["a.jpg", "A.jpg", composed, decomposed])


def test_a_name_that_text_cannot_tell_apart_is_refused(scans: Path, put: Put) -> None:
    put("a\uf7e9.jpg", b"x")
    (refusal,) = refused(scans).values()
    assert (refusal.code, refusal.status) == ("unusable-name", Status.FAILED)
    assert "rename" in refusal.reason


@pytest.fixture
def deep(scans: Path) -> Iterator[int]:
    """A chain of folders deeper than Python recurses, removed again from the bottom."""
    here, depth = Path.cwd(), 1500
    os.chdir(scans)
    for _ in range(depth):
        Path("d").mkdir()
        os.chdir("d")
    Path("a.jpg").write_bytes(b"x")
    yield depth
    Path("a.jpg").unlink()
    for _ in range(depth):
        os.chdir("..")
        Path("d").rmdir()
    os.chdir(here)


def test_a_very_deep_tree_is_walked(scans: Path, deep: int) -> None:
    assert found(scans) == ["d/" * deep + "a.jpg"]


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        (("*.tif",), (), ["1905/a.tif", "1905/verso/c.TIF"]),
        (("1905/",), (), ["1905/a.tif", "1905/b.jpg", "1905/verso/c.TIF"]),
        (("/b.jpg",), (), ["b.jpg"]),
        (("1905/*.jpg",), (), ["1905/b.jpg"]),
        ((), ("verso/",), ["1905/a.tif", "1905/b.jpg", "b.jpg"]),
        ((), ("**/verso/**",), ["1905/a.tif", "1905/b.jpg", "b.jpg"]),
        (("*.tif",), ("VERSO",), ["1905/a.tif"]),
        ((), ("*.jpg", "!/b.jpg"), ["1905/a.tif", "1905/verso/c.TIF", "b.jpg"]),
    ],
)
def test_patterns_choose_files(
    scans: Path,
    put: Put,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    expected: list[str],
) -> None:
    for name in ("1905/a.tif", "1905/b.jpg", "1905/verso/c.TIF", "b.jpg"):
        put(name, b"x")
    assert found(scans, include=include, exclude=exclude) == expected


def test_a_pattern_that_is_none_is_refused_with_its_key(scans: Path) -> None:
    with pytest.raises(ConfigError, match=r"scan\.exclude: '!' is no pattern"):
        found(scans, exclude=("*.tif", "!"))


def test_the_output_folder_and_folders_of_earlier_runs_are_never_entered(
    scans: Path, put: Put
) -> None:
    put("results/a.jpg", b"x")
    put("earlier/.archivist/catalog.sqlite", b"x")
    put("earlier/a.jpg", b"x")
    put("a.jpg", b"x")
    assert found(scans, never=(scans / "results",)) == ["a.jpg"]
    assert {
        path: item.code for path, item in refused(scans, never=[scans / "results"]).items()
    } == {
        "earlier": "output-folder",
        "results": "output-folder",
    }


def test_the_manifest_among_the_scans_is_no_scan(scans: Path, put: Put) -> None:
    manifest = put("manifest.csv", b"path,title\n")
    assert refused(scans, manifest=manifest)["manifest.csv"].code == "manifest"


@pytest.mark.parametrize("place", ["", "results", "deep/results"])
def test_an_output_folder_inside_the_scans_is_refused(scans: Path, place: str) -> None:
    with pytest.raises(UsageError, match="Cure: name"):
        check_folders(scans, scans / place)


def test_scans_inside_the_output_folder_are_refused(scans: Path) -> None:
    with pytest.raises(UsageError, match="could take the place of a scan"):
        check_folders(scans, scans.parent)


def test_an_output_folder_reached_by_a_link_is_refused_as_well(tmp_path: Path, scans: Path) -> None:
    (tmp_path / "elsewhere").symlink_to(scans)
    with pytest.raises(UsageError, match="lies inside"):
        check_folders(scans, tmp_path / "elsewhere" / "results")


def test_an_output_folder_beside_the_scans_is_accepted(tmp_path: Path, scans: Path) -> None:
    check_folders(scans, tmp_path / "scans-restored")


def test_a_root_that_is_missing_or_a_file_is_refused(scans: Path, put: Put) -> None:
    with pytest.raises(UsageError, match="there is no such folder"):
        found(scans / "nowhere")
    with pytest.raises(UsageError, match="is a file"):
        found(put("a.jpg", b"x"))
