"""What can be set with ``archivist report --export ID --set NAME=VALUE``; imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from archivist.api import param


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvParams:
    """How things are named in PROV."""

    namespace: str = param(
        "urn:x-archivist:",
        doc="The IRI that begins the names of files, steps and agents; one of your institution.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BagParams:
    """What goes into a bag, and from whom it comes."""

    organization: str = param("", doc="Source-Organization of bag-info.txt.")
    description: str = param("", doc="External-Description of bag-info.txt.")
    scans: bool = param(False, doc="Put the scans into the bag too.")


@dataclass(frozen=True, slots=True, kw_only=True)
class CrateParams:
    """What a crate says about itself."""

    name: str = param("", doc="Name of the crate; the archive and the recipe unless given.")
    licence: str = param(
        "",
        doc="IRI or text of the licence of the crate; unless given, see the rights of each file.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class IiifParams:
    """Where manifests and pictures will be found on the web."""

    base_url: str = param("", doc="Where the folder will lie: https://iiif.example.org/album.")
    scans_url: str = param("", doc="What stands before the path of a scan; base_url/scans.")
    outputs_url: str = param("", doc="What stands before the path of an output; base_url/outputs.")
    image_api: Literal["none", "2", "3"] = param(
        "none",
        doc="Version of the IIIF Image API that the two URLs speak; none: they give plain files.",
    )
    regions: int = param(
        400, doc="At most so many outlines of changed places, the largest, for a photograph.", low=1
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class C2paParams:
    """Who signs, and what is signed."""

    certificate: str = param(
        "",
        doc="File with the certificate of who signs and those that vouch for it (PEM); else the "
        "environment variable ARCHIVIST_C2PA_CERTIFICATE.",
        is_path=True,
    )
    key: str = param(
        "",
        doc="File with the private key of the certificate (PEM, without a passphrase); else the "
        "environment variable ARCHIVIST_C2PA_KEY.",
        is_path=True,
    )
    trust: str = param(
        "",
        doc="File with the certificates that your institution trusts (PEM): then a chain that does "
        "not lead to one of them is refused.",
        is_path=True,
    )
    time_stamps: str = param(
        "", doc="URL of a time-stamp authority (RFC 3161); empty: none, and no network is used."
    )
    masters: bool = param(
        False, doc="Copy TIFF masters too; else only the statement about them is written."
    )
