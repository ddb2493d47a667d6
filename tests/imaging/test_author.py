"""The author of a picture is read from its own metadata."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from archivist.imaging.metadata import author_of, collect

XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:creator><rdf:Seq><rdf:li>Ada</rdf:li>'
    "<rdf:li>Bo</rdf:li></rdf:Seq></dc:creator></rdf:Description></rdf:RDF></x:xmpmeta>"
)


def saved(*, xmp="", artist="", text=""):
    info, exif, stream = PngImagePlugin.PngInfo(), Image.Exif(), BytesIO()
    if xmp:
        info.add_itxt("XML:com.adobe.xmp", xmp)
    if text:
        info.add_text("Author", text)
    if artist:
        exif[0x013B] = artist
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(stream, "PNG", pnginfo=info, exif=exif)
    return collect(stream.getvalue())


@pytest.mark.parametrize(
    ("told", "author"),
    [
        ({"xmp": XMP, "artist": "Carl", "text": "Dora"}, "Ada, Bo"),
        ({"artist": "Carl", "text": "Dora"}, "Carl"),
        ({"text": "Dorothea M\u00fcller"}, "Dorothea M\u00fcller"),
        ({"xmp": "<broken", "text": "Dora"}, "Dora"),
        ({}, ""),
    ],
)
def test_the_author_is_the_first_that_xmp_exif_or_the_png_names(told, author):
    assert author_of(saved(**told)) == author
