"""Sign with c2pa-python, and read again what was signed; the only place that knows the library."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

import cv2
import numpy as np

from archivist.api import PluginError, UsageError
from archivist_exports.c2pa_keys import Identity

EMBEDDED = ("image/jpeg", "image/png")
"""Formats that statements are put into; of others they lie beside. In a TIFF an embedded one
appends a directory without a picture, which common readers count as a page."""


_TRIAL_SCAN = {
    "title": "trial",
    "format": "image/jpeg",
    "relationship": "parentOf",
    "label": "scan",
    "instance_id": "urn:trial",
}
_TRIAL: dict[str, Any] = {
    "title": "trial",
    "format": "image/jpeg",
    "claim_generator_info": [{"name": "archivist"}],
    "ingredients": [],
    "assertions": [
        {
            "label": "c2pa.actions",
            "data": {
                "actions": [{"action": "c2pa.opened", "parameters": {"ingredientIds": ["scan"]}}]
            },
        }
    ],
}


def library() -> Any:
    """Return c2pa-python. Raises UsageError with the cure when it is not installed."""
    try:
        import c2pa
    except ImportError as error:
        raise UsageError(
            "C2PA needs a library that is not installed. "
            "Cure: pip install 'archivist-exports[c2pa]'"
        ) from error
    return c2pa


class Signer:
    """Signs files as one identity; close it, or use it as a context manager."""

    def __init__(self, who: Identity, *, time_stamps: str = "") -> None:
        self._c2pa, self._who = library(), who
        trust = {"trust_anchors": who.trust.decode()} if who.trust else {}
        self._context = self._c2pa.Context.from_dict(
            {
                "version": 1,
                "builder": {"thumbnail": {"enabled": False}},
                "verify": {
                    "remote_manifest_fetch": False,
                    "ocsp_fetch": False,
                    "verify_trust": bool(who.trust),
                },
                "trust": trust,
            }
        )
        info = self._c2pa.C2paSignerInfo(
            who.algorithm.encode(), who.chain, who.key, time_stamps.encode() or None
        )
        self._signer = self._c2pa.Signer.from_info(info)

    def sign(
        self,
        manifest: dict[str, Any],
        scan: tuple[dict[str, str], Path | None],
        source: Path,
        target: Path,
    ) -> tuple[bytes, str]:
        """Write ``source`` to ``target`` with its statement; return that and how it validates.

        A format that nothing is put into comes out as it is. ``scan`` is the ingredient and its
        file, None when that is away. Raises UsageError when signing fails, and PluginError when
        what was signed does not validate.
        """
        kind = manifest["format"]
        ingredient, file = scan
        if file is None:
            manifest = {**manifest, "ingredients": [ingredient, *manifest["ingredients"]]}
        try:
            with self._c2pa.Builder(manifest, context=self._context) as builder:
                if file is not None:
                    with file.open("rb") as stream:
                        builder.add_ingredient(ingredient, ingredient["format"], stream)
                if kind not in EMBEDDED:
                    builder.set_no_embed()
                with source.open("rb") as before, target.open("xb+") as after:
                    statement: bytes = builder.sign(self._signer, kind, before, after)
            return statement, self._state_of(target, kind, statement, manifest["title"])
        except self._c2pa.C2paError as error:
            raise UsageError(
                f"{manifest['title']} could not be signed: {error}. Cure: check the certificate "
                f"and the key of {self._who.name}"
            ) from error

    def try_out(self) -> None:
        """Sign a picture of 8 x 8 pixels, to know before hours of work what the library will say.

        Raises as :meth:`sign`.
        """
        _, data = cv2.imencode(".jpg", np.zeros((8, 8), np.uint8))
        with TemporaryDirectory() as folder:
            source = Path(folder, "trial.jpg")
            source.write_bytes(data.tobytes())
            self.sign(_TRIAL, (_TRIAL_SCAN, None), source, Path(folder, "signed.jpg"))

    def _state_of(self, path: Path, kind: str, statement: bytes, name: str) -> str:
        """Return how a signed file validates: ``Valid`` or ``Trusted``.

        Raises PluginError for anything else: it must not leave the house.
        """
        beside = None if kind in EMBEDDED else statement
        with (
            path.open("rb") as stream,
            self._c2pa.Reader(kind, stream, manifest_data=beside, context=self._context) as reader,
        ):
            told = json.loads(reader.json())
        state = str(told.get("validation_state"))
        wanted = ("Trusted",) if self._who.trust else ("Valid", "Trusted")
        if state in wanted:
            return state
        problems = told.get("validation_results", {}).get("activeManifest", {}).get("failure", [])
        codes = ", ".join(sorted({one["code"] for one in problems})) or state
        if self._who.trust and set(codes.split(", ")) == {"signingCredential.untrusted"}:
            raise UsageError(
                f"the certificate of {self._who.name} does not lead to one that is trusted. Cure: "
                "put its issuers into the file of the certificate, or name the right file in the "
                "param trust"
            )
        raise PluginError("exporter c2pa", f"{name} does not validate once signed: {codes}")

    def close(self) -> None:
        """Let the library forget the key."""
        self._signer.close()
        self._context.close()

    def __enter__(self) -> Signer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
