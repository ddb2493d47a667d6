"""IIIF Presentation 3: a manifest for each photograph, with a choice of restored and original."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from archivist.api import UsageError
from archivist_exports.params import IiifParams
from archivist_exports.photographs import Photograph, Row, gathered, image_of, worked
from archivist_exports.regions import outlines

CONTEXT = "http://iiif.io/api/presentation/3/context.json"
_SHOWN = ("image/jpeg", "image/png", "image/webp")
"""What browsers show without an image server, the best first."""
_SERVICES = {"2": "ImageService2", "3": "ImageService3"}
_FULL = {"2": "full/full/0/default.jpg", "3": "full/max/0/default.jpg"}
_TOLD = ("inventory_no", "creator", "date", "series", "object_id", "rights")

Thing = dict[str, Any]


def write(rows: Iterable[Row], destination: Path, params: IiifParams) -> None:
    """Make a folder with ``collection.json`` and ``manifests/SHA-256.json``.

    Raises UsageError without a photograph or a base_url, and OSError.
    """
    places = _Places(params)
    run, photographs = gathered(rows)
    folder = destination / "manifests"
    folder.mkdir(parents=True)
    items: list[Thing] = []
    for photograph in photographs:
        manifest = _Manifest(run, photograph, places, params).made()
        _write(folder / f"{photograph.digest}.json", manifest)
        items.append({key: manifest[key] for key in ("id", "type", "label")})
    told = run["run"]
    collection = {
        "@context": CONTEXT,
        "id": f"{places.base}/collection.json",
        "type": "Collection",
        "label": _text(f"{told['archive']}, restored"),
        "items": items,
    }
    _write(destination / "collection.json", collection)


def _write(path: Path, value: Thing) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1), encoding="utf-8")


def _text(text: str, language: str = "none") -> dict[str, list[str]]:
    return {language: [text]}


class _Places:
    """Where things are on the web."""

    def __init__(self, params: IiifParams) -> None:
        self.base = _url("base_url", params.base_url)
        self.scans = _url("scans_url", params.scans_url or f"{self.base}/scans")
        self.outputs = _url("outputs_url", params.outputs_url or f"{self.base}/outputs")
        self._api = params.image_api

    def picture(self, root: str, path: str, media_type: str, size: tuple[int, int]) -> Thing:
        """Return the body of a picture: a plain file, or one that an image server gives."""
        # An image server takes the path as one part of its URL, so that slashes are escaped too.
        plain = self._api == "none"
        place = f"{root}/{quote(_bytes(path), safe='/' if plain else '')}"
        width, height = size
        body: Thing = {"id": place, "type": "Image", "width": width, "height": height}
        if plain:
            return {**body, "format": media_type}
        version = "@" if self._api == "2" else ""
        service = {
            f"{version}id": place,
            f"{version}type": _SERVICES[self._api],
            "profile": "http://iiif.io/api/image/2/level1.json" if version else "level1",
        }
        body["id"] = f"{place}/{_FULL[self._api]}"
        return {**body, "format": "image/jpeg", "service": [service]}


def _bytes(path: str) -> bytes:
    """Return a path as the file system has it: bytes that are no UTF-8 stand as U+F780 on."""
    real = path.translate({0xF780 + n: 0xDC80 + n for n in range(128)})
    return real.encode("utf-8", "surrogateescape")


def _url(name: str, text: str) -> str:
    """Return a URL without its last slash. Raises UsageError."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise UsageError(
            f"{name} {text!r} is no address of a web folder. "
            f"Cure: --set {name}=https://iiif.museum.example.org/restored"
        )
    return text.rstrip("/")


class _Manifest:
    """The manifest of one photograph."""

    def __init__(
        self, run: Row, photograph: Photograph, places: _Places, params: IiifParams
    ) -> None:
        self._run, self._photograph, self._places = run, photograph, places
        self._most = params.regions
        self._id = f"{places.base}/manifests/{photograph.digest}"

    def made(self) -> Thing:
        """Return the manifest."""
        photograph = self._photograph
        facts = photograph.facts
        return {
            "@context": CONTEXT,
            "id": f"{self._id}.json",
            "type": "Manifest",
            "label": _text(photograph.title),
            "metadata": [
                {"label": _text(name.replace("_", " "), "en"), "value": _text(facts[name])}
                for name in _TOLD
                if facts.get(name)
            ],
            "requiredStatement": {
                "label": _text("Restoration", "en"),
                "value": _text(self._statement(), "en"),
            },
            "items": [self._canvas(page) for page in photograph.pages],
        }

    def _statement(self) -> str:
        steps = [step for _, step in self._photograph.steps if image_of(step)]
        if not steps:
            return "This photograph was looked at by software and left as it is."
        names = ", ".join(dict.fromkeys(f"{one['step']} v{one['version']}" for one in steps))
        invented = any(one["conjectural"] for one in steps)
        more = " Some of what it shows was invented by software." if invented else ""
        told = self._run["run"]
        return f"Restored by software: archivist {told['archivist']}, {names}.{more}"

    def _canvas(self, page: Row) -> Thing:
        name = f"{self._id}/canvas/{page['page'] + 1}"
        canvas: Thing = {
            "id": name,
            "type": "Canvas",
            "label": _text(f"{page['page'] + 1}"),
            "width": max(1, page["width"]),
            "height": max(1, page["height"]),
            "items": [self._page(f"{name}/pictures", [self._painting(name, page)])],
        }
        notes = [
            {
                "id": f"{name}/notes/{number}",
                "type": "Annotation",
                "motivation": "commenting",
                "body": {
                    "type": "TextualBody",
                    "value": text,
                    "language": "en",
                    "format": "text/plain",
                },
                "target": target,
            }
            for number, (text, target) in enumerate(self._notes(name, page), start=1)
        ]
        if notes:
            canvas["annotations"] = [self._page(f"{name}/notes", notes)]
        return canvas

    def _page(self, name: str, items: list[Thing]) -> Thing:
        return {"id": name, "type": "AnnotationPage", "items": items}

    def _painting(self, canvas: str, page: Row) -> Thing:
        pictures = [*self._restored(page), self._original(page)]
        body = pictures[0] if len(pictures) == 1 else {"type": "Choice", "items": pictures}
        return {
            "id": f"{canvas}/pictures/1",
            "type": "Annotation",
            "motivation": "painting",
            "body": body,
            "target": canvas,
        }

    def _original(self, page: Row) -> Thing:
        photograph, size = self._photograph, (max(1, page["width"]), max(1, page["height"]))
        media = photograph.media_type
        body = self._places.picture(self._places.scans, photograph.path, media, size)
        return {**body, "label": _text("Original", "en")}

    def _restored(self, page: Row) -> Iterator[Thing]:
        """Yield the output of a page that was changed, in the format that is shown best."""
        images = [image for step in page["steps"] if (image := image_of(step))]
        outputs = sorted(self._photograph.outputs, key=_preference)
        if not images or not outputs:
            return
        size = (
            images[-1]["width"] or max(1, page["width"]),
            images[-1]["height"] or max(1, page["height"]),
        )
        best = outputs[0]
        body = self._places.picture(self._places.outputs, best["path"], best["media_type"], size)
        yield {**body, "label": _text("Restored", "en")}

    def _notes(self, canvas: str, page: Row) -> Iterator[tuple[str, Any]]:
        """Yield what was changed where: a text, and the canvas or a place on it."""
        painted = [step for step in page["steps"] if image_of(step)]
        names = ", ".join(f"{one['step']} v{one['version']}" for one in painted)
        for step in page["steps"] if painted else ():
            for mask in step["artifacts"] if worked(step) else ():
                if mask["kind"] == "mask" and "file" in mask:
                    yield from self._marked(canvas, mask, f"Changed by {names}")
        for step in painted:
            if step["conjectural"]:
                yield f"{step['step']} v{step['version']} invents what it paints.", canvas

    def _marked(self, canvas: str, mask: Row, text: str) -> Iterator[tuple[str, Any]]:
        found = outlines(Path(mask["file"]), self._most)
        if found is None:
            return
        part = "" if found.shown == found.total else f"; the {found.shown} largest are drawn"
        more = f"{text}: {found.total} places, {found.share:.2%} of the picture{part}"
        selector = {"type": "SvgSelector", "value": found.svg}
        yield more, {"type": "SpecificResource", "source": canvas, "selector": selector}


def _preference(output: Row) -> int:
    kind = output["media_type"]
    return _SHOWN.index(kind) if kind in _SHOWN else len(_SHOWN)
