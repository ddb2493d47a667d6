"""What this plugin offers; imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable

from archivist.api import ExporterSpec, hookimpl
from archivist_exports.params import BagParams, C2paParams, CrateParams, IiifParams, ProvParams

EXPORTERS = (
    ExporterSpec(
        id="premis",
        title="PREMIS 3, one XML document",
        suffix=".xml",
        run="archivist_exports.premis:write_one",
    ),
    ExporterSpec(
        id="premis-files",
        title="PREMIS 3, one XML document for each photograph",
        suffix="",
        folder=True,
        run="archivist_exports.premis:write_each",
    ),
    ExporterSpec(
        id="prov-json",
        title="W3C PROV as PROV-JSON",
        suffix=".json",
        run="archivist_exports.prov:write",
        params=ProvParams,
    ),
    ExporterSpec(
        id="bagit",
        title="BagIt 1.0: outputs and records",
        suffix="",
        folder=True,
        run="archivist_exports.bag:write",
        params=BagParams,
    ),
    ExporterSpec(
        id="ro-crate",
        title="RO-Crate 1.1: outputs and how they were made (Process Run Crate)",
        suffix="",
        folder=True,
        run="archivist_exports.crate:write",
        params=CrateParams,
    ),
    ExporterSpec(
        id="iiif",
        title="IIIF Presentation 3: a collection with a manifest for each photograph",
        suffix="",
        folder=True,
        run="archivist_exports.iiif:write",
        params=IiifParams,
    ),
    ExporterSpec(
        id="c2pa",
        title="C2PA: outputs with signed statements of how they were made",
        suffix="",
        folder=True,
        run="archivist_exports.c2pa:write",
        params=C2paParams,
        ready="archivist_exports.c2pa:ready",
        update="archivist_exports.c2pa_update:update",
    ),
)


@hookimpl
def archivist_exporters() -> Iterable[ExporterSpec]:
    """Offer the standards."""
    return EXPORTERS
