"""Every hook has a test here and a heading with its exact signature in the documentation."""

from __future__ import annotations

import dataclasses
import inspect
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from archivist.api import (
    Candidate,
    CheckSpec,
    CodecSpec,
    ExporterSpec,
    Kind,
    PluginError,
    Port,
    ReferenceQuery,
    RunInfo,
    StepEvent,
    StepSpec,
    hookimpl,
    hookspecs,
)
from archivist.plugins import PluginState, load_plugins

HOOKS = [name for name in vars(hookspecs) if name.startswith("archivist_")]
PAGE = Path(__file__).parent.parent / "docs" / "plugin-api.md"

CODEC = CodecSpec(
    id="pgm", title="Portable greymap", suffixes=(".pgm",), signature=b"P5", read="sample:read"
)
CHECK = CheckSpec(id="edges", title="Edges stay", run="sample:edges")
EXPORTER = ExporterSpec(id="bagit", title="BagIt", suffix=".zip", run="sample:bag")
QUERY = ReferenceQuery(digest="a" * 64, width=10, height=10)
CANDIDATES = (Candidate(digest="b" * 64, score=0.5), Candidate(digest="c" * 64, score=0.4))
EVENT = StepEvent(
    run="r1", asset="a", path="a.jpg", step="s.t", status="done", reason="", seconds=0.1
)
RUN = RunInfo(
    run="r1",
    started=datetime(2026, 1, 1, tzinfo=UTC),
    finished=datetime(2026, 1, 2, tzinfo=UTC),
    done=1,
    skipped=0,
    failed=0,
)


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_a_test(hook: str) -> None:
    assert f"test_hook_{hook}" in globals()


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented_with_its_exact_signature(hook: str) -> None:
    function = getattr(hookspecs, hook)
    arguments = [str(item) for item in inspect.signature(function).parameters.values()]
    text = f"{hook}({', '.join(arguments)}) -> {inspect.signature(function).return_annotation}"
    assert f"### `{text.replace(chr(39), '')}`" in PAGE.read_text(encoding="utf-8").splitlines()


def load(*plugins: object) -> Any:
    named = {f"plugin{number}": plugin for number, plugin in enumerate(plugins)}
    return load_plugins(allow=[], extra=named)


def test_hook_archivist_steps() -> None:
    port = Port(name="image", kind=Kind.IMAGE)
    step = StepSpec(id="a.b", version=1, title="T", run="m:f", inputs=(port,), outputs=(port,))

    class Plugin:
        @hookimpl
        def archivist_steps(self) -> list[StepSpec]:
            return [step]

    assert load(Plugin()).steps["a.b"] is step


def test_hook_archivist_codecs() -> None:
    class Plugin:
        @hookimpl
        def archivist_codecs(self) -> list[CodecSpec]:
            return [CODEC]

    assert load(Plugin()).codecs == {"pgm": CODEC}


def test_hook_archivist_checks() -> None:
    class Plugin:
        @hookimpl
        def archivist_checks(self) -> list[CheckSpec]:
            return [CHECK]

    assert load(Plugin()).checks == {"edges": CHECK}


def test_hook_archivist_exporters() -> None:
    class Plugin:
        @hookimpl
        def archivist_exporters(self) -> list[ExporterSpec]:
            return [EXPORTER]

    assert load(Plugin()).exporters == {"bagit": EXPORTER}


def test_an_exporter_that_updates_what_is_no_folder_is_reported() -> None:
    class Plugin:
        @hookimpl
        def archivist_exporters(self) -> list[ExporterSpec]:
            return [dataclasses.replace(EXPORTER, folder=False, update="m:f")]

    plugins = load(Plugin())
    assert plugins.exporters == {}
    assert "makes no folder" in plugins.infos[-1].error


def test_an_id_taken_by_another_plugin_is_reported_and_the_first_stays() -> None:
    class Plugin:
        @hookimpl
        def archivist_exporters(self) -> list[ExporterSpec]:
            return [EXPORTER]

    plugins = load(Plugin(), Plugin())
    assert [info.state for info in plugins.infos[-2:]] == [PluginState.LOADED, PluginState.BROKEN]
    assert "its id is taken by another plugin" in plugins.infos[-1].error


def test_a_codec_cannot_take_the_place_of_a_format_that_is_read_anyway() -> None:
    class Plugin:
        @hookimpl
        def archivist_codecs(self) -> list[CodecSpec]:
            return [dataclasses.replace(CODEC, id="tiff")]

    plugins = load(Plugin())
    assert plugins.codecs == {}
    assert "a format that archivist reads itself" in str(plugins.infos[-1].error)


@pytest.mark.parametrize(
    ("places", "more", "said"),
    [
        (("exif", "note"), {"write": "m:w", "metadata": "m:m"}, "names 'note', which is not one"),
        (("xmp",), {"metadata": "m:m"}, "without both write and metadata"),
        (("xmp",), {"write": "m:w"}, "without both write and metadata"),
    ],
)
def test_a_codec_with_places_that_it_cannot_fill_is_named(
    places: tuple[str, ...], more: dict[str, str], said: str
) -> None:
    class Plugin:
        @hookimpl
        def archivist_codecs(self) -> list[CodecSpec]:
            return [dataclasses.replace(CODEC, places=places, **more)]

    assert said in str(load(Plugin()).infos[-1].error)


class Ranks:
    """A plugin that answers with the given candidates."""

    def __init__(self, answer: Sequence[Candidate] | None) -> None:
        self.answer = answer

    @hookimpl
    def archivist_rank_references(self) -> Sequence[Candidate] | None:
        return self.answer


def test_hook_archivist_rank_references() -> None:
    plugins = load(Ranks(CANDIDATES[::-1]), Ranks(None))
    assert plugins.rank_references(QUERY, CANDIDATES) == CANDIDATES[::-1]


def test_without_an_opinion_ranking_is_left_to_the_default() -> None:
    assert load(Ranks(None)).rank_references(QUERY, CANDIDATES) is None


def test_a_candidate_from_nowhere_is_refused() -> None:
    plugins = load(Ranks([Candidate(digest="f" * 64, score=1.0)]))
    with pytest.raises(PluginError, match="a candidate that it was not given"):
        plugins.rank_references(QUERY, CANDIDATES)


class Observes:
    """A plugin that keeps what it is told."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    @hookimpl
    def archivist_step_finished(self, event: StepEvent) -> None:
        self.seen.append(event)

    @hookimpl
    def archivist_run_finished(self, run: RunInfo) -> None:
        self.seen.append(run)


class Fails:
    """A plugin whose observers fail."""

    @hookimpl
    def archivist_step_finished(self) -> None:
        raise RuntimeError("no connection")

    @hookimpl
    def archivist_run_finished(self) -> None:
        raise RuntimeError("no connection")


def test_hook_archivist_step_finished() -> None:
    observer = Observes()
    load(observer).step_finished(EVENT)
    assert observer.seen == [EVENT]


def test_hook_archivist_run_finished() -> None:
    observer = Observes()
    load(observer).run_finished(RUN)
    assert observer.seen == [RUN]


def test_a_failing_observer_is_logged_and_does_not_silence_the_next(
    caplog: pytest.LogCaptureFixture,
) -> None:
    first, last = Observes(), Observes()
    plugins = load(first, Fails(), last)
    with caplog.at_level(logging.ERROR):
        plugins.step_finished(EVENT)
        plugins.run_finished(RUN)
    assert first.seen == last.seen == [EVENT, RUN]
    assert caplog.text.count("plugin plugin1 failed in archivist_") == 2
